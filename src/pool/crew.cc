#include "pool/crew.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/check.h"
#include "base/log.h"

namespace cgisrv::pool {

namespace {

constexpr unsigned beats_per_timeout = 4;

unsigned worker_count(unsigned wanted) {
  if (wanted == 0) wanted = std::max(1U, std::thread::hardware_concurrency());
  return std::min(wanted, workers_max);
}

std::uint32_t outstanding(const Member& member, unsigned listener) {
  return member.tickets_sent[listener] - member.row.tickets_taken[listener];
}

}  // namespace

Crew::Crew(MemberOwner& owner, Loop& loop, Generation generation, unsigned number)
    : owner_(owner),
      loop_(loop),
      generation_(std::move(generation)),
      number_(number),
      wanted_(worker_count(generation_.options.workers)),
      heartbeat_(loop, Callback::of<&Crew::check_heartbeats>(*this)),
      chooser_(generation_.options.dispatch) {
  CGISRV_CHECK(generation_.listeners.size() <= listeners_max);
  heartbeat_.arm_after(Clock::duration::zero());
}

bool Crew::everyone(State state) const {
  return std::ranges::all_of(members_, [&](const Member& m) { return m.state == state; });
}

std::string Crew::begin_serving(Callback listeners_ready) {
  phase = Phase::serving;
  if (options().dispatch == Dispatch::kernel) return {};
  // Edge-triggered: one event per connection that arrives, and no spinning while it waits.
  for (const Fd& listener : generation_.listeners)
    if (!watches_.emplace_back(loop_, listener.get(), EPOLLIN | EPOLLET, listeners_ready))
      return "watching a listener: " + errno_text(errno);
  return {};
}

void Crew::stop_listening() {
  watches_.clear();
  for (Fd& listener : generation_.listeners)
    listener.reset();
}

void Crew::leave() {
  phase = Phase::leaving;
  for (Member& member : members_) {
    member.leaving = true;
    if (member.state == State::down) member.timer.disarm();  // of a back-off
  }
}

void Crew::ended() const {
  if (generation_.on_end) generation_.on_end();
}

// Missed beats are counted by our own clock's ticks, so that a pause of the whole machine or of the
// whole group (Ctrl-Z) is held against nobody.
void Crew::check_heartbeats(std::uint32_t) {
  for (Member& member : members_) {
    if (member.state == State::down || member.state == State::killed) continue;
    const std::uint32_t beats = member.row.heartbeats;
    member.beats_missed = beats == member.beats_seen ? member.beats_missed + 1 : 0;
    member.beats_seen = beats;
    if (member.beats_missed <= beats_per_timeout) continue;
    log::line(log::Level::error, "worker {} (pid {}): no heartbeat for {:.1f} s; replacing it",
              member.slot, member.pid,
              std::chrono::duration<double>(options().heartbeat_timeout).count());
    owner_.apply(member, Event::hung);
  }
  hand_out();  // should a wake-up ever be lost, it is made up for here
  owner_.beat();
  heartbeat_.arm_after(options().heartbeat_timeout / beats_per_timeout);
}

// ---- dispatch ----------------------------------------------------------------------------------

void Crew::hand_out() {
  if (options().dispatch == Dispatch::kernel || watches_.empty()) return;
  for (unsigned listener = 0; listener < generation_.listeners.size(); ++listener)
    hand_out(listener);
}

// Connections in the backlog. For TCP the kernel counts them; of a unix socket it only says whether
// there is one, and the worker that gets the ticket takes all it finds.
std::uint32_t Crew::pending(unsigned listener) const {
  const int fd = generation_.listeners[listener].get();
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) return info.tcpi_unacked;
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, 0) == 1 ? 1 : 0;
}

// One ticket for each connection that waits and has none under way. Tickets that a silent worker
// does not take do not count: their connections go to others.
void Crew::hand_out(unsigned listener) {
  std::uint32_t waiting = pending(listener);
  if (waiting == 0) return;
  std::vector<Member*> members;
  std::vector<Candidate> candidates;
  for (Member& member : members_) {
    members.push_back(&member);
    Candidate& candidate = candidates.emplace_back();
    if (member.state != State::running || !member.responsive()) continue;
    const std::uint32_t under_way = outstanding(member, listener);
    candidate.load = member.row.connections + under_way;
    candidate.eligible = !member.row.starved && candidate.load < options().worker_connections;
    waiting -= std::min(waiting, under_way);
  }
  std::vector<std::uint32_t> tickets(members.size());
  for (; waiting > 0; --waiting) {
    const auto chosen = chooser_.choose(candidates);
    if (!chosen) break;
    ++tickets[*chosen];
    candidates[*chosen].eligible = ++candidates[*chosen].load < options().worker_connections;
  }
  for (unsigned i = 0; i < members.size(); ++i)
    send_tickets(*members[i], listener, tickets[i]);
}

// What does not fit goes out when the worker has read some: its channel wakes us then.
void Crew::send_tickets(Member& member, unsigned listener, std::uint32_t count) {
  while (count > 0) {
    const auto size = std::min<std::size_t>(count, Channel::packet_bytes_max);
    if (!member.channel.send(std::string(size, static_cast<char>(listener)))) return;
    member.tickets_sent[listener] += static_cast<std::uint32_t>(size);
    count -= static_cast<std::uint32_t>(size);
  }
}

}  // namespace cgisrv::pool
