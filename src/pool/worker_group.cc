#include "pool/worker_group.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/check.h"
#include "base/log.h"

namespace cgisrv::pool {

namespace {

constexpr unsigned beats_per_timeout = 4;

std::uint32_t outstanding(const WorkerHandle& handle, unsigned listener) {
  return handle.tickets_sent[listener] - handle.row.tickets_taken[listener];
}

bool are_one_socket(const Fd& a, const Fd& b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a.get(), &first) == 0 && ::fstat(b.get(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

unsigned worker_count(unsigned wanted) {
  if (wanted == 0) wanted = std::max(1U, std::thread::hardware_concurrency());
  return std::min(wanted, workers_max);
}

WorkerGroup::WorkerGroup(WorkerEvents& owner, Loop& loop, WorkerGroupSpec spec, unsigned number)
    : owner_(owner),
      loop_(loop),
      spec_(std::move(spec)),
      listeners_(std::move(spec_.listeners)),
      number_(number),
      wanted_(worker_count(spec_.options.workers)),
      heartbeat_(loop, Callback::of<&WorkerGroup::check_heartbeats>(*this)),
      chooser_(spec_.options.dispatch) {
  CGISRV_CHECK(listeners_->size() <= listeners_max);
  heartbeat_.arm_after(Clock::duration::zero());
}

bool WorkerGroup::everyone_runs() const {
  return std::ranges::all_of(handles_,
                             [](const WorkerHandle& m) { return m.state == State::running; });
}

std::string WorkerGroup::begin_serving(WatchCallback listeners_ready) {
  phase = Phase::serving;
  if (options().dispatch == Dispatch::kernel) return {};
  // Edge-triggered: one event per new connection, and no spinning while it waits.
  for (const Fd& listener : *listeners_)
    if (!watches_.emplace_back(loop_, listener.get(), EPOLLIN | EPOLLET, listeners_ready))
      return "watching a listener: " + errno_text(errno);
  return {};
}

void WorkerGroup::keep_in_worker() {
  listeners_.keep();
  if (spec_.keep_in_worker) spec_.keep_in_worker();
}

void WorkerGroup::end_listeners(const std::vector<Fd>& others) {
  for (unsigned listener = 0; listener < listeners_->size(); ++listener) {
    const Fd& socket = (*listeners_)[listener];
    if (!socket || std::ranges::find(spec_.held_elsewhere, listener) != spec_.held_elsewhere.end())
      continue;
    const auto is_it = [&](const Fd& other) { return are_one_socket(socket, other); };
    if (std::ranges::any_of(others, is_it)) continue;
    ending_.push_back(static_cast<char>(listener));
  }
}

void WorkerGroup::stop_listening() {
  watches_.clear();
  for (Fd& listener : *listeners_)
    listener.reset();
}

void WorkerGroup::ended() const {
  if (spec_.on_end) spec_.on_end();
}

// Missed beats are counted by our own clock's ticks, so that a pause of the whole machine or of the
// whole group (Ctrl-Z) is held against no worker.
void WorkerGroup::check_heartbeats() {
  for (WorkerHandle& handle : handles_) {
    if (!has_heartbeat(handle.state)) continue;
    const std::uint32_t beats = handle.row.heartbeats;
    handle.beats_missed = beats == handle.beats_seen ? handle.beats_missed + 1 : 0;
    handle.beats_seen = beats;
    if (handle.beats_missed <= beats_per_timeout) continue;
    log::line(log::Level::error, "worker {} (pid {}): no heartbeat for {:.1f} s; replacing it",
              handle.slot, handle.pid,
              std::chrono::duration<double>(options().heartbeat_timeout).count());
    owner_.apply(handle, Event::hung);
  }
  hand_out();  // makes up for a lost wake-up
  owner_.beat();
  heartbeat_.arm_after(options().heartbeat_timeout / beats_per_timeout);
}

// ---- dispatch ----------------------------------------------------------------------------------

void WorkerGroup::hand_out() {
  if (options().dispatch == Dispatch::kernel || watches_.empty()) return;
  for (unsigned listener = 0; listener < listeners_->size(); ++listener)
    hand_out(listener);
}

// Connections in the backlog. For TCP the kernel counts them. Of a unix socket, and under emulation
// as by qemu-user, it only says whether there is one, and the worker that gets the ticket accepts
// all it finds.
std::uint32_t WorkerGroup::pending(unsigned listener) const {
  const int fd = (*listeners_)[listener].get();
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool is_counted = ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  if (is_counted && info.tcpi_unacked > 0) return info.tcpi_unacked;
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, 0) == 1 ? 1 : 0;
}

// One ticket for each waiting connection that has none under way. Tickets that a silent worker does
// not take do not count: their connections go to others.
void WorkerGroup::hand_out(unsigned listener) {
  std::uint32_t waiting = pending(listener);
  if (waiting == 0) return;
  std::vector<WorkerHandle*> handles;
  std::vector<Candidate> candidates;
  for (WorkerHandle& handle : handles_) {
    handles.push_back(&handle);
    Candidate& candidate = candidates.emplace_back();
    if (!serves(handle.state) || !handle.responsive()) continue;
    const std::uint32_t under_way = outstanding(handle, listener);
    candidate.load = handle.row.connections + under_way;
    candidate.eligible = !handle.row.starved && candidate.load < options().worker_connections;
    waiting -= std::min(waiting, under_way);
  }
  std::vector<std::uint32_t> tickets(handles.size());
  for (; waiting > 0; --waiting) {
    const auto chosen = chooser_.choose(candidates);
    if (!chosen) break;
    ++tickets[*chosen];
    candidates[*chosen].eligible = ++candidates[*chosen].load < options().worker_connections;
  }
  for (unsigned i = 0; i < handles.size(); ++i)
    send_tickets(*handles[i], listener, tickets[i]);
}

// Tickets that do not fit are sent when the worker has read some: its channel wakes us then.
void WorkerGroup::send_tickets(WorkerHandle& handle, unsigned listener, std::uint32_t count) {
  while (count > 0) {
    const auto size = std::min<std::size_t>(count, Channel::packet_bytes_max);
    if (!handle.channel->send(std::string(size, static_cast<char>(listener)))) return;
    handle.tickets_sent[listener] += static_cast<std::uint32_t>(size);
    count -= static_cast<std::uint32_t>(size);
  }
}

}  // namespace cgisrv::pool
