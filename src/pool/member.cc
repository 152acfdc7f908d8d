#include "pool/member.h"

#include "base/log.h"

namespace cgisrv::pool {

Member::Member(MemberOwner& whom, Loop& its_loop, Crew& its_crew, unsigned its_slot,
               unsigned its_ordinal, WorkerRow& its_row)
    : owner(whom),
      loop(its_loop),
      crew(its_crew),
      slot(its_slot),
      ordinal(its_ordinal),
      row(its_row),
      timer(its_loop, Callback::of<&Member::timer_due>(*this)) {}

Member::~Member() {
  row.taken = false;
}

void Member::enter(State next) {
  log::line(log::Level::debug, "worker {}: {} -> {}", slot, name(state), name(next));
  state = next;
  row.state = next;
  if (next == State::draining || next == State::stopping) is_to_end = true;
}

void Member::is_process(pid_t process) {
  pid = process;
  row.pid = process;
}

void Member::begin(std::size_t listeners) {
  row.clear();
  tickets_sent.assign(listeners, 0);
  beats_seen = beats_missed = 0;
  was_ready = is_to_end = false;
}

void Member::channel_ready(std::uint32_t) {
  while (const auto packet = channel.receive())
    owner.on_packet(*this, *packet);
  if (channel.ended()) channel.reset();  // SIGCHLD tells how
  owner.has_room(*this);
}

void Member::timer_due(std::uint32_t) {
  owner.apply(*this, state == State::down ? Event::start : Event::overdue);
}

}  // namespace cgisrv::pool
