#include "pool/supervisor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/listener.h"
#include "pool/worker.h"

namespace cgisrv::pool {

namespace {

constexpr unsigned beats_per_timeout = 4;

unsigned worker_count(unsigned wanted) {
  if (wanted == 0) wanted = std::max(1U, std::thread::hardware_concurrency());
  return std::min(wanted, workers_max);
}

std::string describe_end(int status) {
  if (WIFEXITED(status)) return fmt::format("exited with status {}", WEXITSTATUS(status));
  const char* const name = ::sigabbrev_np(WTERMSIG(status));
  return fmt::format("was killed by signal {} (SIG{})", WTERMSIG(status), name ? name : "?");
}

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Supervisor::Member::Member(Supervisor& owner, unsigned number)
    : supervisor(owner),
      index(number),
      timer(owner.loop_, Callback::of<&Member::timer_due>(*this)) {}

Supervisor::Supervisor(const Options& options, std::vector<Fd> listeners,
                       const ServiceFactory& factory)
    : options_(options),
      listeners_(std::move(listeners)),
      factory_(factory),
      count_(worker_count(options.workers)),
      scoreboard_(count_),
      signals_(loop_, {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD},
               Callback::of<&Supervisor::on_signal>(*this)),
      heartbeat_(loop_, Callback::of<&Supervisor::check_heartbeats>(*this)),
      chooser_(options.dispatch) {
  CGISRV_CHECK(listeners_.size() <= listeners_max);
}

int Supervisor::run() {
  // Programs of a worker that died, and what programs left behind, become our children: we reap
  // them, so that none stays a zombie.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (unsigned i = 0; i < count_; ++i)
    members_.push_back(std::make_unique<Member>(*this, i));
  if (options_.on_start) options_.on_start(*this);
  for (const auto& member : members_)
    apply(*member, Event::start);
  if (options_.dispatch != Dispatch::kernel)
    // Edge-triggered: one event per connection that arrives, and no spinning while it waits.
    for (const Fd& listener : listeners_)
      if (!watches_.emplace_back(loop_, listener.get(), EPOLLIN | EPOLLET,
                                 Callback::of<&Supervisor::listeners_ready>(*this)))
        cannot_begin("watching a listener");
  check_heartbeats(0);
  loop_.run();
  if (options_.on_end) options_.on_end();
  return status_;
}

// ---- supervision -------------------------------------------------------------------------------

void Supervisor::apply(Member& member, Event event) {
  const auto [next, action] = transition(member.state, event);
  log::line(log::Level::debug, "worker {}: {} -> {}", member.index, name(member.state), name(next));
  CGISRV_CHECK(action != Action::impossible);
  member.state = next;
  act(member, action);
}

void Supervisor::act(Member& member, Action action) {
  switch (action) {
    case Action::none:
    case Action::impossible:
      break;
    case Action::fork:
      start_worker(member);
      break;
    case Action::send_drain:
      command(member, Command::drain);
      member.timer.arm_after(options_.shutdown_timeout);
      break;
    case Action::send_stop:
      command(member, Command::stop);
      member.timer.arm_after(options_.stop_timeout);
      break;
    case Action::kill:
      ::kill(member.pid, SIGKILL);
      break;
    case Action::respawn:
      if (!ending_)
        member.timer.arm_after(member.restarts.after_death(
            std::chrono::duration_cast<RestartPolicy::Duration>(loop_.now() - member.started)));
      break;
    case Action::bury:
      break;
  }
}

void Supervisor::start_worker(Member& member) {
  member.started = Clock::now();  // also of a life that fails to begin
  auto ends = Channel::open();
  if (!ends) {
    log::line(log::Level::error, "worker {}: no socketpair: {}", member.index, errno_text(errno));
    return apply(member, Event::exited);
  }
  auto& [mine, theirs] = *ends;
  scoreboard_.row(member.index).clear();
  member.tickets_sent.assign(listeners_.size(), 0);
  member.beats_seen = member.beats_missed = 0;
  member.was_ready = false;
  ++member.starts;
  member.channel = Channel(loop_, std::move(mine), Callback::of<&Member::channel_ready>(member));
  if (!member.channel) {
    log::line(log::Level::error, "worker {}: cannot watch its channel: {}", member.index,
              errno_text(errno));
    return apply(member, Event::exited);
  }
  std::fflush(nullptr);
  member.pid = ::fork();
  if (member.pid == 0) become_worker(member, std::move(theirs));
  if (member.pid < 0) {
    log::line(log::Level::error, "worker {}: cannot fork: {}", member.index, errno_text(errno));
    member.pid = 0;
    member.channel.reset();
    return apply(member, Event::exited);
  }
}

// The channels must not stay open in a child, or a dead master would look alive to workers.
void Supervisor::abandon() {
  loop_.abandon();
  signals_.abandon();
  for (const auto& member : members_)
    member->channel.reset();
}

pid_t Supervisor::fork_apart() {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    abandon();
    listeners_.clear();
  }
  return pid;
}

void Supervisor::become_worker(Member& self, Fd channel) {
  abandon();
  WorkerProcess worker(options_, self.index, listeners_, std::move(channel),
                       scoreboard_.row(self.index));
  std::exit(worker.run(factory_));
}

void Supervisor::Member::channel_ready(std::uint32_t) {
  while (const auto packet = channel.receive())
    on_packet(*packet);
  if (channel.ended()) channel.reset();  // SIGCHLD tells how
  // Ready, with room again, or with room in its channel: somebody may be waiting for this.
  supervisor.listeners_ready(0);
}

void Supervisor::Member::on_packet(std::string_view packet) {
  if (packet.front() == message_mark) {
    if (supervisor.options_.on_message) supervisor.options_.on_message(index, packet.substr(1));
    return;
  }
  if (packet != make_packet(Report::ready)) return;
  if (std::exchange(was_ready, true)) return;  // one that says it again must not confuse us
  supervisor.apply(*this, Event::ready);
  if (supervisor.announced_ || !supervisor.everyone(State::running)) return;
  supervisor.announced_ = true;
  if (supervisor.options_.on_ready) supervisor.options_.on_ready();
}

void Supervisor::Member::timer_due(std::uint32_t) {
  supervisor.apply(*this, state == State::down ? Event::start : Event::overdue);
}

void Supervisor::command(Member& member, Command command) {
  // A full channel means a worker that reads nothing: the timer that is now armed will end it.
  member.channel.post(make_packet(command));
}

bool Supervisor::tell(unsigned worker, std::string_view message) {
  return members_[worker]->channel.send(make_message(message));
}

std::vector<WorkerStatus> Supervisor::workers() const {
  std::vector<WorkerStatus> found;
  for (const auto& member : members_) {
    const WorkerRow& row = scoreboard_.row(member->index);
    found.push_back({.index = member->index,
                     .pid = member->pid,
                     .state = name(member->state),
                     .connections = row.connections,
                     .accepted = row.accepted,
                     .restarts = member->starts > 0 ? member->starts - 1 : 0});
  }
  return found;
}

void Supervisor::reap() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    for (const auto& member : members_)
      if (member->pid == pid) {
        ended(*member, status);
        break;
      }
}

void Supervisor::ended(Member& member, int status) {
  const bool expected = member.state == State::draining || member.state == State::stopping;
  write_obituary(member, status, expected);
  member.pid = 0;
  member.channel.reset();
  member.timer.disarm();
  scoreboard_.row(member.index).connections = 0;
  if (options_.on_worker_end) options_.on_worker_end(member.index);
  // One that gives up by itself before it served has found something that no restart will mend.
  if (!member.was_ready && !announced_ && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    if (status_ == 0) status_ = WEXITSTATUS(status);
    end_all(Event::stop);
  }
  apply(member, Event::exited);
  if (ending_ && everyone(State::down)) return loop_.stop();
  listeners_ready(0);  // its tickets are anybody's again
}

void Supervisor::write_obituary(const Member& member, int status, bool expected) const {
  if (expected && WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return log::line(log::Level::debug, "worker {} (pid {}) has ended", member.index, member.pid);
  auto& row = const_cast<Scoreboard&>(scoreboard_).row(member.index);
  row.doing.back() = '\0';
  log::line(log::Level::error,
            "worker {} (pid {}, {}) {} after {:.1f} s with {} connections open; last request: {}",
            member.index, member.pid, name(member.state), describe_end(status),
            seconds(loop_.now() - member.started), row.connections.load(),
            row.doing[0] != '\0' ? text::escape(row.doing.data()) : "none");
}

bool Supervisor::everyone(State state) const {
  return std::ranges::all_of(members_, [&](const auto& m) { return m->state == state; });
}

void Supervisor::check_heartbeats(std::uint32_t) {
  // Missed beats are counted by our own clock's ticks, so that a pause of the whole machine or of
  // the whole group (Ctrl-Z) is held against nobody.
  for (const auto& member : members_) {
    if (member->state == State::down || member->state == State::killed) continue;
    const std::uint32_t beats = scoreboard_.row(member->index).heartbeats;
    member->beats_missed = beats == member->beats_seen ? member->beats_missed + 1 : 0;
    member->beats_seen = beats;
    if (member->beats_missed <= beats_per_timeout) continue;
    log::line(log::Level::error, "worker {} (pid {}): no heartbeat for {:.1f} s; replacing it",
              member->index, member->pid, seconds(options_.heartbeat_timeout));
    apply(*member, Event::hung);
  }
  listeners_ready(0);  // should a wake-up ever be lost, it is made up for here
  heartbeat_.arm_after(options_.heartbeat_timeout / beats_per_timeout);
}

void Supervisor::on_signal(std::uint32_t number) {
  switch (number) {
    case SIGCHLD:
      return reap();
    case SIGINT:
    case SIGTERM:
      return stop(Stop::now);
    case SIGQUIT:
      return stop(Stop::finish);
    case SIGHUP:
      return options_.on_hangup ? options_.on_hangup() : end_all(Event::stop);
    case SIGUSR1:
      if (options_.on_user1) options_.on_user1();
      return;
    default:
      return;
  }
}

void Supervisor::end_all(Event event) {
  ending_ = true;
  watches_.clear();
  for (Fd& listener : listeners_)
    listener.reset();
  for (const auto& member : members_) {
    if (member->state == State::down) member->timer.disarm();  // of a back-off
    apply(*member, event);
  }
  if (everyone(State::down)) loop_.stop();
}

// ---- dispatch ----------------------------------------------------------------------------------

void Supervisor::listeners_ready(std::uint32_t) {
  if (options_.dispatch == Dispatch::kernel || ending_) return;
  for (unsigned listener = 0; listener < listeners_.size(); ++listener)
    hand_out(listener);
}

// Connections in the backlog. For TCP the kernel counts them; of a unix socket it only says whether
// there is one, and the worker that gets the ticket takes all it finds.
std::uint32_t Supervisor::pending(unsigned listener) const {
  const int fd = listeners_[listener].get();
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) return info.tcpi_unacked;
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, 0) == 1 ? 1 : 0;
}

std::uint32_t Supervisor::outstanding(const Member& member, unsigned listener) const {
  auto& row = const_cast<Scoreboard&>(scoreboard_).row(member.index);
  return member.tickets_sent[listener] - row.tickets_taken[listener];
}

// One ticket for each connection that waits and has none under way. Tickets that a silent worker
// does not take do not count: their connections go to others.
void Supervisor::hand_out(unsigned listener) {
  std::uint32_t waiting = pending(listener);
  if (waiting == 0) return;
  std::vector<Candidate> candidates(members_.size());
  for (const auto& member : members_) {
    if (member->state != State::running || !responsive(*member)) continue;
    const WorkerRow& row = scoreboard_.row(member->index);
    const std::uint32_t under_way = outstanding(*member, listener);
    Candidate& candidate = candidates[member->index];
    candidate.load = row.connections + under_way;
    candidate.eligible = !row.starved && candidate.load < options_.worker_connections;
    waiting -= std::min(waiting, under_way);
  }
  std::vector<std::uint32_t> tickets(members_.size());
  for (; waiting > 0; --waiting) {
    const auto chosen = chooser_.choose(candidates);
    if (!chosen) break;
    ++tickets[*chosen];
    candidates[*chosen].eligible = ++candidates[*chosen].load < options_.worker_connections;
  }
  for (const auto& member : members_)
    send_tickets(*member, listener, tickets[member->index]);
}

// What does not fit goes out when the worker has read some: its channel wakes us then.
void Supervisor::send_tickets(Member& member, unsigned listener, std::uint32_t count) {
  while (count > 0) {
    const auto size = std::min<std::size_t>(count, Channel::packet_bytes_max);
    if (!member.channel.send(std::string(size, static_cast<char>(listener)))) return;
    member.tickets_sent[listener] += static_cast<std::uint32_t>(size);
    count -= static_cast<std::uint32_t>(size);
  }
}

// ---- the library's face ------------------------------------------------------------------------

std::vector<Fd> listen(std::string_view address) {
  std::vector<Fd> sockets;
  if (auto listener = net::listen(address)) {
    sockets.push_back(std::move(listener->socket));
  } else {
    std::fprintf(stderr, "%s\n", listener.error().what.c_str());
  }
  return sockets;
}

int run(const Options& options, std::vector<Fd> listeners, const ServiceFactory& factory) {
  set_default_dispositions();
  memory::keep_reserve();
  return Supervisor(options, std::move(listeners), factory).run();
}

}  // namespace cgisrv::pool
