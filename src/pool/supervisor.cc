#include "pool/supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/listener.h"
#include "pool/worker.h"

namespace cgisrv::pool {

namespace {

std::string describe_end(int status) {
  if (WIFEXITED(status)) return fmt::format("exited with status {}", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return fmt::format("was killed by signal {} ({})", signal, text::signal_name(signal));
}

bool ended_well(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Supervisor::Supervisor(WorkerGroupSpec first, Hooks hooks)
    : hooks_(std::move(hooks)),
      signals_(loop_, {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD},
               SignalCallback::of<&Supervisor::on_signal>(*this)),
      sweep_(loop_, Callback::of<&Supervisor::sweep>(*this)),
      serving_(&add_group(std::move(first))) {}

int Supervisor::run() {
  // A dead worker's programs, and processes that programs left behind, become our children. We reap
  // them, so that none stays a zombie.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  beat();
  if (hooks_.on_start) hooks_.on_start(*this);
  CGISRV_CHECK(fill(*serving_));
  const auto ready = WatchCallback::of<&Supervisor::listeners_ready>(*this);
  if (!serving_->begin_serving(ready).empty()) cannot_begin("watching a listener");
  scoreboard_.master().generation = serving_->number();
  loop_.run();
  if (hooks_.on_end) hooks_.on_end();
  return status_;
}

void Supervisor::beat() {
  scoreboard_.master().alive_at = Clock::now().time_since_epoch().count();
}

WorkerGroup& Supervisor::add_group(WorkerGroupSpec spec) {
  WorkerEvents& self = *this;
  groups_.push_back(std::make_unique<WorkerGroup>(self, loop_, std::move(spec), ++generations_));
  return *groups_.back();
}

// Null: all slots are taken.
WorkerHandle* Supervisor::add_worker(WorkerGroup& group, unsigned ordinal) {
  unsigned slot = 0;
  WorkerRow* const row = scoreboard_.take(slot);
  if (row == nullptr) return nullptr;
  row->generation = group.number();
  WorkerEvents& self = *this;
  return &group.handles().emplace_back(self, loop_, group, slot, ordinal, *row);
}

// Adds all its workers, and starts them.
bool Supervisor::fill(WorkerGroup& group) {
  for (unsigned ordinal = 0; ordinal < group.wanted(); ++ordinal)
    if (add_worker(group, ordinal) == nullptr) return false;
  for (WorkerHandle& handle : group.handles())
    apply(handle, Event::start);
  return true;
}

// ---- a worker's life ---------------------------------------------------------------------------

void Supervisor::apply(WorkerHandle& handle, Event event) {
  const auto [next, action] = transition(handle.state, event);
  CGISRV_CHECK(action != Action::impossible);
  handle.enter(next);
  act(handle, action);
}

void Supervisor::act(WorkerHandle& handle, Action action) {
  switch (action) {
    case Action::none:
    case Action::impossible:
      break;
    case Action::fork:
      start_worker(handle);
      break;
    case Action::welcome:
      became_ready(handle);
      break;
    case Action::send_drain:
    case Action::send_replaced:
      handle.command(action == Action::send_drain ? Command::drain : Command::replaced,
                     handle.group.ending());
      handle.timer.arm_after(handle.group.options().shutdown_timeout);
      break;
    case Action::send_stop:
      handle.command(Command::stop);
      handle.timer.arm_after(handle.group.options().stop_timeout);
      break;
    case Action::kill:
      ::kill(handle.pid, SIGKILL);
      break;
    case Action::respawn:
      ++handle.row.restarts;
      handle.timer.arm_after(handle.restarts.after_death(
          std::chrono::duration_cast<RestartPolicy::Duration>(loop_.now() - handle.started)));
      break;
    case Action::bury:
      sweep_.arm_after(Clock::duration::zero());
      break;
  }
}

void Supervisor::start_worker(WorkerHandle& handle) {
  handle.started = Clock::now();  // also for a life that fails to begin
  handle.begin(handle.group.listeners().size());
  auto ends = Channel::open();
  if (ends) {
    handle.channel = Channel(loop_, std::move(ends->first),
                             WatchCallback::of<&WorkerHandle::channel_ready>(handle),
                             Callback::of<&WorkerHandle::channel_ready>(handle));
    if (*handle.channel) fork_worker(handle, std::move(ends->second));
  }
  if (handle.pid > 0) return;
  const std::string problem = errno_text(errno);
  log::line(log::Level::error, "worker {} cannot be started: {}", handle.slot, problem);
  handle.channel->reset();
  if (&handle.group != coming_) return apply(handle, Event::exited);
  problem_ = "a worker cannot be started: " + problem;
  apply(handle, Event::failed);
}

void Supervisor::fork_worker(WorkerHandle& handle, Fd channel) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) become_worker(handle, std::move(channel));
  if (pid > 0) handle.is_process(pid);
}

pid_t Supervisor::fork_apart(const std::function<void()>& keep) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (keep) keep();
    ClosedInChild::close_all();
  }
  return pid;
}

void Supervisor::become_worker(WorkerHandle& self, Fd channel) {
  self.group.keep_in_worker();
  ClosedInChild::close_all();
  WorkerProcess worker(self.group.options(), {self.slot, self.ordinal}, self.group.listeners(),
                       std::move(channel), self.row);
  std::exit(worker.run(self.group.factory()));
}

void Supervisor::on_packet(WorkerHandle& handle, std::string_view packet) {
  if (packet.front() == message_mark) {
    if (hooks_.on_message) hooks_.on_message(handle.slot, packet.substr(1));
    return;
  }
  if (packet == make_packet(WorkerReport::worn)) return is_worn(handle);
  if (packet == make_packet(WorkerReport::ready)) apply(handle, Event::ready);
}

void Supervisor::has_room(WorkerHandle& handle) {
  if (hooks_.on_room) hooks_.on_room(handle.slot);
  serving_->hand_out();
}

void Supervisor::became_ready(WorkerHandle& handle) {
  if (WorkerHandle* const old = std::exchange(handle.predecessor, nullptr))
    apply(*old, Event::replaced);
  if (!handle.group.everyone_runs()) return;
  if (&handle.group == coming_) return take_over();
  if (std::exchange(announced_, true)) return;
  if (hooks_.on_ready) hooks_.on_ready();
}

bool Supervisor::tell(unsigned worker, std::string_view message) {
  for (const auto& group : groups_)
    for (WorkerHandle& handle : group->handles())
      if (handle.slot == worker) return handle.channel->send(make_message(message));
  return false;
}

// ---- the end of a worker -----------------------------------------------------------------------

void Supervisor::reap() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    for (const auto& group : groups_)
      for (WorkerHandle& handle : group->handles())
        if (handle.pid == pid) ended(handle, status);
}

void Supervisor::ended(WorkerHandle& handle, int status) {
  write_obituary(handle, status);
  if (!told_to_end(handle.state)) ++scoreboard_.master().deaths;
  handle.has_no_process();
  if (hooks_.on_worker_end) hooks_.on_worker_end(handle.slot);
  for (WorkerHandle& other : handle.group.handles())
    if (other.predecessor == &handle) other.predecessor = nullptr;
  if (&handle.group == coming_) {
    problem_ = fmt::format("a worker {}; the log says why", describe_end(status));
    apply(handle, Event::failed);
  } else if (could_not_begin(handle, status)) {
    if (status_ == 0) status_ = WEXITSTATUS(status);
    apply(handle, Event::failed);
    end_all(Event::stop);
  } else {
    apply(handle, Event::exited);
  }
  serving_->hand_out();  // its tickets can go to others again
}

// A worker that gives up by itself, before all have served for the first time, has a problem that
// no restart will solve.
bool Supervisor::could_not_begin(const WorkerHandle& handle, int status) const {
  return !announced_ && !serves(handle.state) && WIFEXITED(status) && !ended_well(status);
}

void Supervisor::write_obituary(const WorkerHandle& handle, int status) const {
  if (told_to_end(handle.state) && ended_well(status))
    return log::line(log::Level::debug, "worker {} (pid {}) has ended", handle.slot, handle.pid);
  WorkerRow& row = handle.row;
  row.doing.back() = '\0';
  log::line(log::Level::error,
            "worker {} (pid {}, {}) {} after {:.1f} s with {} connections open; last request: {}",
            handle.slot, handle.pid, reported(handle.state), describe_end(status),
            seconds(loop_.now() - handle.started), row.connections.load(),
            row.doing[0] != '\0' ? text::escape(row.doing.data()) : "none");
}

// Deletes handles and groups that are over; in a turn of its own, when no caller uses them.
void Supervisor::sweep() {
  if (!problem_.empty()) give_up();
  for (const auto& group : groups_)
    group->handles().remove_if(
        [](const WorkerHandle& handle) { return handle.state == State::gone; });
  for (auto next = groups_.begin(); next != groups_.end();) {
    WorkerGroup& group = **next;
    const bool over = group.phase == WorkerGroup::Phase::leaving && group.handles().empty();
    if (over && !ending_) group.ended();
    next = over && &group != serving_ ? groups_.erase(next) : std::next(next);
  }
  if (ending_ && is_alone()) loop_.stop();
}

bool Supervisor::is_alone() const {
  return std::ranges::all_of(groups_, [](const auto& group) { return group->handles().empty(); });
}

// ---- replacement -------------------------------------------------------------------------------

std::string Supervisor::replace(WorkerGroupSpec next, Done done) {
  if (ending_) return "the server is about to end";
  if (!announced_) return "the server has not started yet";
  if (coming_ != nullptr) return "another replacement is under way";
  WorkerGroup& group = add_group(std::move(next));
  coming_ = &group;
  replaced_ = std::move(done);
  if (fill(group)) return {};
  coming_ = nullptr;
  groups_.pop_back();
  return "too many workers of earlier configurations are still finishing their requests";
}

void Supervisor::take_over() {
  WorkerGroup& old = *serving_;
  WorkerGroup& group = *std::exchange(coming_, nullptr);
  if (auto problem = group.begin_serving(WatchCallback::of<&Supervisor::listeners_ready>(*this));
      !problem.empty()) {
    coming_ = &group;
    problem_ = std::move(problem);
    return sweep_.arm_after(Clock::duration::zero());
  }
  old.hand_out();  // the connections that wait at listeners about to be closed
  old.end_listeners(group.listeners());
  serving_ = &group;
  scoreboard_.master().generation = group.number();
  old.stop_listening();
  leave(old, Event::replaced);
  sweep_.arm_after(Clock::duration::zero());
  serving_->hand_out();
  std::exchange(replaced_, {})({});
}

void Supervisor::leave(WorkerGroup& group, Event event) {
  group.phase = WorkerGroup::Phase::leaving;
  for (WorkerHandle& handle : group.handles())
    apply(handle, event);
}

void Supervisor::give_up() {
  WorkerGroup& group = *std::exchange(coming_, nullptr);
  const std::string problem = std::exchange(problem_, {});
  group.stop_listening();
  leave(group, Event::replaced);  // with dispatch = kernel they may have begun to serve
  std::exchange(replaced_, {})(problem);
}

void Supervisor::is_worn(WorkerHandle& handle) {
  if (ending_ || !announced_ || &handle.group == coming_) return;  // it will ask again
  if (handle.state != State::running) return;
  WorkerHandle* const successor = add_worker(handle.group, handle.ordinal);
  if (successor == nullptr) return;  // it serves on, and will ask again
  ++scoreboard_.master().retirements;
  successor->predecessor = &handle;
  apply(handle, Event::retire);
  apply(*successor, Event::start);
}

// ---- the end of all ----------------------------------------------------------------------------

void Supervisor::on_signal(int number) {
  switch (number) {
    case SIGCHLD:
      return reap();
    case SIGINT:
      return stop(Stop::now);
    case SIGTERM:
      return hooks_.on_terminate ? hooks_.on_terminate() : stop(Stop::now);
    case SIGQUIT:
      return hooks_.on_quit ? hooks_.on_quit() : stop(Stop::finish);
    case SIGHUP:
      return hooks_.on_hangup ? hooks_.on_hangup() : stop(Stop::now);
    case SIGUSR1:
      return hooks_.on_user1 ? hooks_.on_user1() : void();
    case SIGUSR2:
      return hooks_.on_user2 ? hooks_.on_user2() : void();
    default:
      return;
  }
}

void Supervisor::stop(Stop how) {
  if (how == Stop::now) return end_all(Event::stop);
  end_all(how == Stop::handed_over ? Event::replaced : Event::drain);
}

void Supervisor::end_all(Event event) {
  if (!std::exchange(ending_, true) && hooks_.on_stop) hooks_.on_stop();
  if (coming_ != nullptr) {
    problem_ = "the server is about to end";
    give_up();
  }
  for (const auto& group : groups_) {
    if (event == Event::drain) {
      group->hand_out();
      group->end_listeners({});
    }
    group->stop_listening();
    leave(*group, event);
  }
  sweep_.arm_after(Clock::duration::zero());
}

// ---- the public interface ----------------------------------------------------------------------

std::vector<Fd> listen(std::string_view address) {
  std::vector<Fd> sockets;
  if (auto listener = net::listen(address)) {
    sockets.push_back(std::move(listener->socket));
  } else {
    std::fprintf(stderr, "%s\n", listener.error().what.c_str());
  }
  return sockets;
}

int run(WorkerGroupSpec first, Hooks hooks) {
  set_default_dispositions();
  memory::keep_reserve();
  return Supervisor(std::move(first), std::move(hooks)).run();
}

int run(const Options& options, std::vector<Fd> listeners, ServiceFactory factory) {
  return run({options, std::move(listeners), std::move(factory), {}, {}}, {});
}

}  // namespace cgisrv::pool
