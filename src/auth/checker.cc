#include "auth/checker.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace cgisrv::auth {

namespace {

constexpr unsigned packets_per_turn = 32;
constexpr auto poll_interval = std::chrono::seconds(5);

std::chrono::seconds whole_seconds(Clock::duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration);
}

unsigned default_processes() {
  return std::clamp(std::thread::hardware_concurrency() / 2, 2U, 16U);
}

}  // namespace

Checker::Link::Link(Checker& owner, Fd fd)
    : checker(owner),
      socket(owner.loop_, std::move(fd), EPOLLIN | EPOLLRDHUP,
             WatchCallback::of<&Link::ready>(*this)) {}

Checker::Slot::Slot(Checker& owner)
    : checker(owner), deadline(owner.loop_, Callback::of<&Slot::overdue>(*this)) {}

Checker::Checker(Fd workers, Fd lifeline, std::vector<const Options*> rules, const Limits& limits)
    : signals_(loop_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2},
               SignalCallback::of<&Checker::on_signal>(*this)),
      poll_timer_(loop_, Callback::of<&Checker::poll>(*this)),
      lifeline_(loop_, std::move(lifeline), 0, WatchCallback::of<&Checker::end>(*this)),
      workers_(loop_, std::move(workers), EPOLLIN,
               WatchCallback::of<&Checker::worker_ready>(*this)),
      rules_(std::move(rules)),
      limits_(limits),
      guesses_(limits.guesses, limits.guess_interval) {
  const unsigned count = limits_.processes != 0 ? limits_.processes : default_processes();
  for (unsigned i = 0; i < count; ++i)
    slots_.push_back(std::make_unique<Slot>(*this));
  // The configuration has just been checked with them. If one is removed before the first login,
  // its users stay in service.
  for (const Options* const rule : rules_)
    users_.read(*rule);
}

Checker::~Checker() = default;

int Checker::run() {
  if (!lifeline_ || !workers_) return 1;
  poll();
  loop_.run();
  return 0;
}

void Checker::poll() {
  log::follow();
  for (const auto& slot : slots_)
    slot->hasher.wake();
  std::erase_if(dying_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  poll_timer_.arm_after(poll_interval);
}

// ---- workers -----------------------------------------------------------------------------------

void Checker::worker_ready() {
  std::array<char, 16> room{};
  for (unsigned i = 0; i < packets_per_turn; ++i) {
    auto packet = receive_packet(workers_.get(), room);
    if (!packet) return;
    if (!packet->descriptor) continue;
    links_.emplace_front(*this, std::move(packet->descriptor));
    links_.front().self = links_.begin();
    if (!links_.front().socket) links_.pop_front();
  }
}

void Checker::Link::ready(std::uint32_t events) {
  std::array<char, request_bytes_max> room{};
  bool is_empty = false;
  for (unsigned i = 0; i < packets_per_turn && !is_empty; ++i) {
    const auto packet = receive_packet(socket.get(), room);
    is_empty = !packet;
    if (!packet) break;
    if (const auto request = unpack_request(*packet)) checker.take(*this, *request);
  }
  ::explicit_bzero(room.data(), room.size());
  checker.dispatch();
  if (is_empty && (events & (EPOLLHUP | EPOLLRDHUP)) != 0) checker.forget(self);
}

void Checker::forget(std::list<Link>::iterator link) {
  queue_.remove_if([&](const Check& check) { return check.link == &*link; });
  for (const auto& slot : slots_)
    for (Check& check : slot->check)
      if (check.link == &*link) check.link = nullptr;
  links_.erase(link);
}

// A quarter is for one client, so that nobody else is shut out by it.
bool Checker::has_room_for(std::uint64_t client) {
  const auto waiting = client == 0 ? 0 : std::ranges::count(queue_, client, &Check::client);
  if (static_cast<std::size_t>(waiting) >= std::max(limits_.queue / 4, 1U)) return false;
  return queue_.size() < limits_.queue || push_out_for(client);
}

// Whoever was wrong most gives way to one who was wrong less: so a crowd of guessers, each from an
// address of its own, shuts out nobody else. False: nobody does.
bool Checker::push_out_for(std::uint64_t client) {
  const auto debt = [this](std::uint64_t of) { return guesses_.debt(of, loop_.now()); };
  const auto last =
      std::ranges::max_element(queue_, {}, [&](const Check& check) { return debt(check.client); });
  if (last == queue_.end() || debt(last->client) <= debt(client)) return false;
  reply(last->link, last->id, {Verdict::busy});
  queue_.erase(last);
  return true;
}

void Checker::take(Link& link, const CheckRequest& request) {
  if (request.kind == CheckRequest::Kind::cancel) {
    queue_.remove_if(
        [&](const Check& check) { return check.link == &link && check.id == request.id; });
    return;
  }
  const auto answer = [&](Answer answer) { reply(&link, request.id, answer); };
  if (request.rule >= rules_.size()) return answer({Verdict::unavailable});
  if (const auto wait = guesses_.wait(request.client, loop_.now()); wait.count() > 0)
    return answer({Verdict::guessed, whole_seconds(wait)});
  if (!has_room_for(request.client)) return answer({Verdict::busy});
  queue_.push_back({.link = &link,
                    .id = request.id,
                    .client = request.client,
                    .rule = *rules_[request.rule],
                    .user = std::string(request.user),
                    .password = Secret(request.password),
                    .deadline = loop_.now() + limits_.timeout});
}

// A worker that does not read its answers is about to die, or to be killed.
void Checker::reply(const Link* link, std::uint64_t id, Answer answer) {
  if (link != nullptr) send(link->socket.get(), CheckReply{id, answer});
}

// ---- hashers -----------------------------------------------------------------------------------

void Checker::dispatch() {
  for (const auto& slot : slots_)
    while (slot->check.empty() && !queue_.empty())
      begin(*slot, next());
}

// Whoever was wrong least goes first, so that a crowd of guessers waits for itself, not everybody
// for the crowd.
std::list<Checker::Check>::iterator Checker::next() {
  return std::ranges::min_element(
      queue_, {}, [this](const Check& check) { return guesses_.debt(check.client, loop_.now()); });
}

// Takes the check from the queue: it is under way then, or answered.
void Checker::begin(Slot& slot, std::list<Check>::iterator check) {
  std::list<Check> taken;
  taken.splice(taken.begin(), queue_, check);
  const auto answer = [&](Answer answer) { reply(check->link, check->id, answer); };
  if (const auto wait = guesses_.wait(check->client, loop_.now()); wait.count() > 0)
    return answer({Verdict::guessed, whole_seconds(wait)});
  if (check->deadline <= loop_.now()) return answer({Verdict::late});
  const auto found = users_.find(check->rule, check->user);
  if (!found.problem.empty() || !is_started(slot)) return answer({Verdict::unavailable});
  slot.hasher.wake();
  if (!slot.hasher.ask(found.hash, check->password)) {
    stop_hasher(slot);
    return answer({Verdict::unavailable});
  }
  slot.is_known = found.is_known;
  slot.is_listed = found.is_listed;
  slot.is_current = found.is_current;
  slot.deadline.arm(check->deadline);
  slot.check = std::move(taken);
}

bool Checker::is_started(Slot& slot) {
  if (slot.hasher) return true;
  if (slot.hasher.start())
    slot.watch = Watch(loop_, slot.hasher.socket(), EPOLLIN, WatchCallback::of<&Slot::ready>(slot));
  else
    log::line(log::Level::error, "a process that checks passwords cannot be started: {}",
              errno_text(errno));
  if (!slot.watch) stop_hasher(slot);
  return static_cast<bool>(slot.hasher);
}

void Checker::stop_hasher(Slot& slot) {
  slot.watch.cancel();
  if (const pid_t pid = slot.hasher.kill(); pid > 0 && ::waitpid(pid, nullptr, WNOHANG) == 0)
    dying_.push_back(pid);
}

// A hasher that has died, or cannot compute, may be another process's doing, which has killed it or
// lowered its limits. So the next hasher gets the check, too, once: one that kills hashers kills no
// third.
void Checker::Slot::ready() {
  const Fit fit = hasher.answer().value_or(Fit::failed);
  if (fit == Fit::failed) checker.stop_hasher(*this);
  if (!check.empty() && fit == Fit::failed && !check.front().was_tried)
    checker.try_again(*this);
  else if (!check.empty())
    checker.finish(*this, fit);
  checker.dispatch();
}

void Checker::try_again(Slot& slot) {
  slot.deadline.disarm();
  slot.check.front().was_tried = true;
  queue_.splice(queue_.begin(), slot.check);
}

void Checker::Slot::overdue() {
  const Check late = std::move(check.front());
  check.clear();
  checker.stop_hasher(*this);
  log::line(log::Level::warn,
            "a password of the user \"{}\" was not checked within [auth] timeout; its hash is too "
            "expensive, or the machine is overloaded",
            text::escape(late.user, 80));
  reply(late.link, late.id, {Verdict::late});
  checker.dispatch();
}

void Checker::finish(Slot& slot, Fit fit) {
  slot.deadline.disarm();
  const Answer answer = verdict(slot, fit);
  const Check& check = slot.check.front();
  if (answer.verdict == Verdict::wrong) guesses_.wrong(check.client, loop_.now());
  if (fit == Fit::failed)
    log::line(
        log::Level::error,
        "the hash for the user \"{}\" cannot be computed; it may take more memory than there is",
        text::escape(check.user, 80));
  reply(check.link, check.id, answer);
  slot.check.clear();
}

Answer Checker::verdict(const Slot& slot, Fit fit) {
  if (fit == Fit::failed) return {Verdict::unavailable};
  if (fit == Fit::wrong || !slot.is_known) return {Verdict::wrong};
  return {.verdict = slot.is_listed ? Verdict::right : Verdict::unlisted,
          .may_be_kept = slot.is_current};
}

}  // namespace cgisrv::auth
