#include "auth/verifier.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/packet.h"

namespace cgisrv::auth {

namespace {

constexpr unsigned replies_per_turn = 64;
constexpr unsigned times_sent_max = 2;  // a password that kills its checker kills no third one
constexpr auto connect_interval = std::chrono::milliseconds(100);

VerdictCache::Basis basis_of(const Options& rule) {
  VerdictCache::Basis basis;
  if (!rule.passwords.empty()) basis.passwords = state_of(rule.passwords);
  if (!rule.groups.empty()) basis.groups = state_of(rule.groups);
  return basis;
}

}  // namespace

Verifier::Asked::Asked(Verifier& owner, const Options& options, Credentials given,
                       std::uint64_t asker)
    : verifier(owner),
      id(++owner.ids_),
      client(asker),
      rule(options.number),
      credentials(std::move(given)),
      deadline(owner.loop_, Callback::of<&Asked::overdue>(*this)) {
  deadline.arm_after(owner.limits_.timeout);
}

CheckRequest Verifier::Asked::request() const {
  return {.id = id,
          .client = client,
          .rule = rule,
          .user = credentials.user,
          .password = credentials.password.view()};
}

Verifier::Verifier(Loop& loop, int checker, const Limits& limits)
    : loop_(loop),
      checker_(checker),
      limits_(limits),
      cache_(limits.remember),
      connect_timer_(loop, Callback::of<&Verifier::connect>(*this)) {
  connect();
}

// ---- the checker -------------------------------------------------------------------------------

// If the checker does not read this, its successor will: the socket is the master's.
void Verifier::connect() {
  auto ends = open_pair();
  if (ends && send_link(checker_, ends->second.get()))
    socket_ = WatchedFd(loop_, std::move(ends->first), EPOLLIN | EPOLLRDHUP,
                        WatchCallback::of<&Verifier::ready>(*this));
  if (!socket_) return connect_timer_.arm_after(connect_interval);
  std::vector<std::uint64_t> hopeless;
  for (const auto& [id, asked] : asked_)
    if (!send_to_checker(*asked)) hopeless.push_back(id);
  for (const std::uint64_t id : hopeless)
    settle(id, {Verdict::unavailable});
}

// False: it takes no more. One that has died takes nothing; ready() is about to hear of that, and
// asks the next one.
bool Verifier::send_to_checker(Asked& asked) {
  if (asked.times_sent >= times_sent_max) return false;
  if (!send(socket_.get(), asked.request())) return errno == EPIPE || errno == ECONNRESET;
  ++asked.times_sent;
  return true;
}

void Verifier::ready(std::uint32_t events) {
  std::array<char, 64> room{};
  for (unsigned i = 0; i < replies_per_turn; ++i) {
    const auto packet = receive_packet(socket_.get(), room);
    if (!packet) {
      if ((events & (EPOLLHUP | EPOLLRDHUP)) == 0) return;
      socket_.reset();  // it has died, and another one takes its place
      return connect_timer_.arm_after(connect_interval);
    }
    if (const auto reply = unpack_reply(*packet)) settle(reply->id, reply->answer);
  }
}

// ---- requests ----------------------------------------------------------------------------------

// One that was asked for before a file changed may be answered by the file as it was.
Verifier::Asked* Verifier::find(const Digest& key, const VerdictCache::Basis& basis) {
  const auto same = std::ranges::find_if(asked_, [&](const auto& each) {
    return each.second->key == key && each.second->basis == basis;
  });
  return same == asked_.end() ? nullptr : same->second.get();
}

std::optional<Answer> Verifier::ask(PendingCheck& pending, const Options& rule,
                                    Credentials credentials, std::uint64_t client) {
  const auto basis = basis_of(rule);
  const Digest key =
      cache_.key_of(rule.number, client, credentials.user, credentials.password.view());
  if (const auto known = cache_.find(key, basis, loop_.now())) return Answer{*known};
  Asked* asked = find(key, basis);
  if (asked == nullptr) {
    // The queue is the checker's: it knows who is to wait, and who has to give way.
    if (asked_.size() >= 2 * std::size_t{limits_.queue}) return Answer{Verdict::busy};
    auto made = std::make_unique<Asked>(*this, rule, std::move(credentials), client);
    made->key = key;
    made->basis = basis;
    if (socket_ && !send_to_checker(*made)) return Answer{Verdict::busy};
    asked = asked_.emplace(made->id, std::move(made)).first->second.get();
  }
  asked->waiting.push_back(&pending);
  pending.asked_ = asked;
  return std::nullopt;
}

void Verifier::cancel(PendingCheck& pending) {
  Asked* const asked = std::exchange(pending.asked_, nullptr);
  if (asked == nullptr) return;
  std::erase(asked->waiting, &pending);
  const auto known = asked_.find(asked->id);
  if (!asked->waiting.empty() || known == asked_.end()) return;
  if (socket_)
    send(socket_.get(), CheckRequest{.kind = CheckRequest::Kind::cancel, .id = asked->id});
  asked_.erase(known);
}

// Whoever is told may cancel others, or ask anew.
void Verifier::settle(std::uint64_t id, Answer answer) {
  const auto known = asked_.find(id);
  if (known == asked_.end()) return;
  const std::unique_ptr<Asked> asked = std::move(known->second);
  asked_.erase(known);
  if (answer.may_be_kept &&
      (answer.verdict == Verdict::right || answer.verdict == Verdict::unlisted))
    cache_.keep(asked->key, answer.verdict, asked->basis, loop_.now());
  while (!asked->waiting.empty()) {
    PendingCheck& pending = *asked->waiting.back();
    asked->waiting.pop_back();
    pending.asked_ = nullptr;
    pending.decided_(answer);
  }
}

}  // namespace cgisrv::auth
