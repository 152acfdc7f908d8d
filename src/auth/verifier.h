// A worker's side of passwords: what it remembers, and what it asks the checker. Nothing here
// blocks.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "auth/basic.h"
#include "auth/options.h"
#include "auth/verdict_cache.h"
#include "auth/wire.h"

namespace cgisrv::auth {

class PendingCheck;

class Verifier {
 public:
  // `checker`: the socket to it that all workers share; the caller keeps it.
  Verifier(Loop& loop, int checker, const Limits& limits);

 private:
  friend class PendingCheck;
  // A check that the checker was asked for, by one request or several with the same password.
  struct Asked {
    Asked(Verifier& owner, const Options& rule, Credentials credentials, std::uint64_t client);
    void overdue() { verifier.settle(id, {Verdict::late}); }
    CheckRequest request() const;
    Verifier& verifier;
    const std::uint64_t id;
    const std::uint64_t client;
    const std::uint32_t rule;
    Credentials credentials;
    Digest key{};
    VerdictCache::Basis basis;
    unsigned times_sent = 0;
    std::vector<PendingCheck*> waiting;
    Timer deadline;
  };

  std::optional<Answer> ask(PendingCheck& pending, const Options& rule, Credentials credentials,
                            std::uint64_t client);
  Asked* find(const Digest& key, const VerdictCache::Basis& basis);
  void cancel(PendingCheck& pending);
  bool send_to_checker(Asked& asked);
  void settle(std::uint64_t id, Answer answer);
  void connect();
  void ready(std::uint32_t events);

  Loop& loop_;
  const int checker_;
  const Limits limits_;
  VerdictCache cache_;
  WatchedFd socket_;
  Timer connect_timer_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Asked>> asked_;
  std::uint64_t ids_ = 0;
};

// One request's check. Destroying it cancels: the verdict is not told any more.
class PendingCheck {
 public:
  PendingCheck(Verifier& verifier, CallbackWith<Answer> decided)
      : verifier_(verifier), decided_(decided) {}
  ~PendingCheck() { verifier_.cancel(*this); }
  PendingCheck(const PendingCheck&) = delete;
  PendingCheck& operator=(const PendingCheck&) = delete;

  // Once. The answer, if it is known at once; else `decided` is called with it, later. `client`:
  // net::Address::client(); 0: unknown.
  std::optional<Answer> ask(const Options& rule, Credentials credentials, std::uint64_t client) {
    return verifier_.ask(*this, rule, std::move(credentials), client);
  }

 private:
  friend class Verifier;
  Verifier& verifier_;
  CallbackWith<Answer> decided_;
  Verifier::Asked* asked_ = nullptr;  // while it waits
};

}  // namespace cgisrv::auth
