#include "pool/supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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
  const char* const name = ::sigabbrev_np(WTERMSIG(status));
  return fmt::format("was killed by signal {} (SIG{})", WTERMSIG(status), name ? name : "?");
}

bool ended_well(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Supervisor::Supervisor(Generation first, Hooks hooks)
    : hooks_(std::move(hooks)),
      signals_(loop_, {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD},
               Callback::of<&Supervisor::on_signal>(*this)),
      sweep_(loop_, Callback::of<&Supervisor::sweep>(*this)),
      serving_(&add_crew(std::move(first))) {}

int Supervisor::run() {
  // Programs of a worker that died, and what programs left behind, become our children: we reap
  // them, so that none stays a zombie.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  beat();
  if (hooks_.on_start) hooks_.on_start(*this);
  CGISRV_CHECK(fill(*serving_));
  const auto ready = Callback::of<&Supervisor::listeners_ready>(*this);
  if (!serving_->begin_serving(ready).empty()) cannot_begin("watching a listener");
  scoreboard_.master().generation = serving_->number();
  loop_.run();
  if (hooks_.on_end) hooks_.on_end();
  return status_;
}

void Supervisor::beat() {
  scoreboard_.master().alive_at = Clock::now().time_since_epoch().count();
}

Crew& Supervisor::add_crew(Generation generation) {
  MemberOwner& self = *this;
  crews_.push_back(std::make_unique<Crew>(self, loop_, std::move(generation), ++generations_));
  return *crews_.back();
}

// Nothing: all slots are taken.
Member* Supervisor::add_member(Crew& crew, unsigned ordinal) {
  unsigned slot = 0;
  WorkerRow* const row = scoreboard_.take(slot);
  if (row == nullptr) return nullptr;
  row->generation = crew.number();
  MemberOwner& self = *this;
  return &crew.members().emplace_back(self, loop_, crew, slot, ordinal, *row);
}

// All its workers, and starts them.
bool Supervisor::fill(Crew& crew) {
  for (unsigned ordinal = 0; ordinal < crew.wanted(); ++ordinal)
    if (add_member(crew, ordinal) == nullptr) return false;
  for (Member& member : crew.members())
    apply(member, Event::start);
  return true;
}

// ---- a worker's life ---------------------------------------------------------------------------

void Supervisor::apply(Member& member, Event event) {
  const auto [next, action] = transition(member.state, event);
  CGISRV_CHECK(action != Action::impossible);
  member.enter(next);
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
      member.command(farewell_);
      member.timer.arm_after(member.crew.options().shutdown_timeout);
      break;
    case Action::send_stop:
      member.command(Command::stop);
      member.timer.arm_after(member.crew.options().stop_timeout);
      break;
    case Action::kill:
      ::kill(member.pid, SIGKILL);
      break;
    case Action::respawn:
      if (ending_ || member.leaving || &member.crew == coming_) break;
      ++member.row.restarts;
      member.timer.arm_after(member.restarts.after_death(
          std::chrono::duration_cast<RestartPolicy::Duration>(loop_.now() - member.started)));
      break;
    case Action::bury:
      break;
  }
  if (member.state == State::down) sweep_.arm_after(Clock::duration::zero());
}

void Supervisor::start_worker(Member& member) {
  member.started = Clock::now();  // also of a life that fails to begin
  member.begin(member.crew.listeners().size());
  auto ends = Channel::open();
  if (ends) {
    member.channel =
        Channel(loop_, std::move(ends->first), Callback::of<&Member::channel_ready>(member));
    if (member.channel) fork_worker(member, std::move(ends->second));
  }
  if (member.pid > 0) return;
  const std::string problem = errno_text(errno);
  log::line(log::Level::error, "worker {} cannot be started: {}", member.slot, problem);
  member.channel.reset();
  if (&member.crew == coming_) problem_ = "a worker cannot be started: " + problem;
  apply(member, Event::exited);
}

void Supervisor::fork_worker(Member& member, Fd channel) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) become_worker(member, std::move(channel));
  if (pid > 0) member.is_process(pid);
}

// The channels must not stay open in a child, or a dead master would look alive to workers.
void Supervisor::abandon() {
  loop_.abandon();
  signals_.abandon();
  for (const auto& crew : crews_)
    for (Member& member : crew->members())
      member.channel.reset();
}

pid_t Supervisor::fork_apart() {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    abandon();
    for (const auto& crew : crews_)
      crew->stop_listening();
  }
  return pid;
}

void Supervisor::become_worker(Member& self, Fd channel) {
  abandon();
  for (const auto& crew : crews_)
    if (crew.get() != &self.crew) crew->stop_listening();
  WorkerProcess worker(self.crew.options(), {self.slot, self.ordinal}, self.crew.listeners(),
                       std::move(channel), self.row);
  std::exit(worker.run(self.crew.factory()));
}

void Supervisor::on_packet(Member& member, std::string_view packet) {
  if (packet.front() == message_mark) {
    if (hooks_.on_message) hooks_.on_message(member.slot, packet.substr(1));
    return;
  }
  if (packet == make_packet(Report::worn)) return is_worn(member);
  if (packet != make_packet(Report::ready)) return;
  if (std::exchange(member.was_ready, true)) return;  // one that says it again must not confuse us
  apply(member, Event::ready);
  became_ready(member);
}

void Supervisor::became_ready(Member& member) {
  if (Member* const old = std::exchange(member.predecessor, nullptr)) let_go(*old);
  if (!member.crew.everyone(State::running)) return;
  if (&member.crew == coming_) return take_over();
  if (std::exchange(announced_, true)) return;
  if (hooks_.on_ready) hooks_.on_ready();
}

bool Supervisor::tell(unsigned worker, std::string_view message) {
  for (const auto& crew : crews_)
    for (Member& member : crew->members())
      if (member.slot == worker) return member.channel.send(make_message(message));
  return false;
}

// ---- the end of a worker -----------------------------------------------------------------------

void Supervisor::reap() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    for (const auto& crew : crews_)
      for (Member& member : crew->members())
        if (member.pid == pid) ended(member, status);
}

void Supervisor::ended(Member& member, int status) {
  write_obituary(member, status);
  if (!member.is_to_end) ++scoreboard_.master().deaths;
  member.is_process(0);
  member.channel.reset();
  member.timer.disarm();
  member.row.connections = 0;
  if (hooks_.on_worker_end) hooks_.on_worker_end(member.slot);
  for (Member& other : member.crew.members())
    if (other.predecessor == &member) other.predecessor = nullptr;
  if (&member.crew == coming_) {
    problem_ = fmt::format("a worker {}; the log says why", describe_end(status));
  } else if (!member.was_ready && !announced_ && !ended_well(status) && WIFEXITED(status)) {
    // One that gives up by itself before it served has found something that no restart will mend.
    if (status_ == 0) status_ = WEXITSTATUS(status);
    end_all(Event::stop, Command::drain);
  }
  apply(member, Event::exited);
  serving_->hand_out();  // its tickets are anybody's again
}

void Supervisor::write_obituary(const Member& member, int status) const {
  if (member.is_to_end && ended_well(status))
    return log::line(log::Level::debug, "worker {} (pid {}) has ended", member.slot, member.pid);
  WorkerRow& row = member.row;
  row.doing.back() = '\0';
  log::line(log::Level::error,
            "worker {} (pid {}, {}) {} after {:.1f} s with {} connections open; last request: {}",
            member.slot, member.pid, name(member.state), describe_end(status),
            seconds(loop_.now() - member.started), row.connections.load(),
            row.doing[0] != '\0' ? text::escape(row.doing.data()) : "none");
}

// Lets go of members and crews that are over; on a turn of its own, when nobody is looking at them.
void Supervisor::sweep(std::uint32_t) {
  if (!problem_.empty()) give_up();
  for (const auto& crew : crews_)
    crew->members().remove_if(
        [](const Member& member) { return member.leaving && member.state == State::down; });
  for (auto next = crews_.begin(); next != crews_.end();) {
    Crew& crew = **next;
    const bool over = crew.phase == Crew::Phase::leaving && crew.members().empty();
    if (over && !ending_) crew.ended();
    next = over && &crew != serving_ ? crews_.erase(next) : std::next(next);
  }
  if (ending_ && everyone(State::down)) loop_.stop();
}

bool Supervisor::everyone(State state) const {
  return std::ranges::all_of(crews_, [&](const auto& crew) { return crew->everyone(state); });
}

// ---- replacement -------------------------------------------------------------------------------

std::string Supervisor::replace(Generation next, Done done) {
  if (ending_) return "the server is about to end";
  if (!announced_) return "the server has not started yet";
  if (coming_ != nullptr) return "another replacement is under way";
  Crew& crew = add_crew(std::move(next));
  coming_ = &crew;
  replaced_ = std::move(done);
  if (fill(crew)) return {};
  coming_ = nullptr;
  crews_.pop_back();
  return "too many workers of earlier configurations are still finishing their requests";
}

void Supervisor::take_over() {
  Crew& old = *serving_;
  Crew& crew = *std::exchange(coming_, nullptr);
  if (auto problem = crew.begin_serving(Callback::of<&Supervisor::listeners_ready>(*this));
      !problem.empty()) {
    coming_ = &crew;
    problem_ = std::move(problem);
    return sweep_.arm_after(Clock::duration::zero());
  }
  old.hand_out();  // what waits at listeners that are going to be closed
  serving_ = &crew;
  scoreboard_.master().generation = crew.number();
  old.stop_listening();
  old.leave();
  for (Member& member : old.members())
    let_go(member);
  sweep_.arm_after(Clock::duration::zero());
  serving_->hand_out();
  std::exchange(replaced_, {})({});
}

// Others do its work from now on.
void Supervisor::let_go(Member& member) {
  farewell_ = Command::replaced;
  member.leaving = true;
  apply(member, Event::drain);
  farewell_ = Command::drain;
}

void Supervisor::give_up() {
  Crew& crew = *std::exchange(coming_, nullptr);
  const std::string problem = std::exchange(problem_, {});
  crew.leave();
  crew.stop_listening();
  // By dispatch = kernel they may have begun to serve.
  for (Member& member : crew.members())
    let_go(member);
  std::exchange(replaced_, {})(problem);
}

void Supervisor::is_worn(Member& member) {
  if (ending_ || !announced_ || &member.crew == coming_) return;  // it asks again some time
  if (member.leaving || member.state != State::running) return;
  Member* const successor = add_member(member.crew, member.ordinal);
  if (successor == nullptr) return;  // it goes on, and asks again some time
  ++scoreboard_.master().retirements;
  member.leaving = true;
  successor->predecessor = &member;
  apply(*successor, Event::start);
}

// ---- the end of all ----------------------------------------------------------------------------

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
  end_all(how == Stop::now ? Event::stop : Event::drain,
          how == Stop::handed_over ? Command::replaced : Command::drain);
}

void Supervisor::end_all(Event event, Command farewell) {
  if (!std::exchange(ending_, true) && hooks_.on_stop) hooks_.on_stop();
  if (coming_ != nullptr) {
    problem_ = "the server is about to end";
    give_up();
  }
  farewell_ = farewell;
  for (const auto& crew : crews_) {
    crew->stop_listening();
    crew->leave();
    for (Member& member : crew->members())
      apply(member, event);
  }
  sweep_.arm_after(Clock::duration::zero());
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

int run(Generation first, Hooks hooks) {
  set_default_dispositions();
  memory::keep_reserve();
  return Supervisor(std::move(first), std::move(hooks)).run();
}

int run(const Options& options, std::vector<Fd> listeners, ServiceFactory factory) {
  return run({options, std::move(listeners), std::move(factory), {}}, {});
}

}  // namespace cgisrv::pool
