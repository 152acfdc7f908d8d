#include "pool/worker_handle.h"

#include "base/log.h"

namespace cgisrv::pool {

WorkerHandle::WorkerHandle(WorkerEvents& whom, Loop& its_loop, WorkerGroup& its_group,
                           unsigned its_slot, unsigned its_ordinal, WorkerRow& its_row)
    : owner(whom),
      loop(its_loop),
      group(its_group),
      slot(its_slot),
      ordinal(its_ordinal),
      row(its_row),
      timer(its_loop, Callback::of<&WorkerHandle::timer_due>(*this)) {}

WorkerHandle::~WorkerHandle() {
  row.taken = false;
}

void WorkerHandle::enter(State next) {
  if (next == state) return;
  log::line(log::Level::debug, "worker {}: {} -> {}", slot, name(state), name(next));
  timer.disarm();
  state = next;
  row.state = next;
}

void WorkerHandle::is_process(pid_t process) {
  pid = process;
  row.pid = process;
}

void WorkerHandle::has_no_process() {
  is_process(0);
  channel->reset();
  row.connections = 0;
  row.busy = 0;
}

void WorkerHandle::begin(std::size_t listeners) {
  row.clear();
  tickets_sent.assign(listeners, 0);
  beats_seen = beats_missed = 0;
}

void WorkerHandle::channel_ready() {
  while (const auto packet = channel->receive())
    owner.on_packet(*this, *packet);
  if (channel->ended()) channel->reset();  // SIGCHLD reports its exit
  owner.has_room(*this);
}

void WorkerHandle::timer_due() {
  owner.apply(*this, Event::timeout);
}

}  // namespace cgisrv::pool
