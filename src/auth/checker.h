// The process that checks passwords, for all workers of a generation: it has the password files,
// the queue, and what is known of clients who guess. What takes long is done by its hashers.
//
//   worker --check--> queue --> a hasher that is free --> right, unlisted, wrong --> worker
//              \        \  the worker cancels, or has gone: dropped
//               \        +--> guessed: its client was wrong too often meanwhile
//                +--> guessed, busy: at once
#pragma once

#include <cgisrv/loop.h>
#include <sys/types.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "auth/guess_limiter.h"
#include "auth/hasher.h"
#include "auth/options.h"
#include "auth/secret.h"
#include "auth/user_store.h"
#include "auth/wire.h"
#include "event/signals.h"

namespace cgisrv::auth {

class Checker {
 public:
  // `workers`: the socket that all workers share. It ends when all other ends of `lifeline` are
  // closed. `rules`, by their numbers, outlive it.
  Checker(Fd workers, Fd lifeline, std::vector<const Options*> rules, const Limits& limits);
  ~Checker();

  Loop& loop() { return loop_; }
  int run();

 private:
  struct Link;
  struct Check {
    Link* link;  // null: nobody waits for it any more
    std::uint64_t id;
    std::uint64_t client;
    const Options& rule;
    std::string user;
    Secret password;
    TimePoint deadline;
    bool was_tried = false;
  };
  // A worker's socket.
  struct Link {
    Link(Checker& owner, Fd fd);
    void ready(std::uint32_t events);
    Checker& checker;
    WatchedFd socket;
    std::list<Link>::iterator self;
  };
  // A hasher, and what it does.
  struct Slot {
    explicit Slot(Checker& owner);
    void ready();
    void overdue();
    Checker& checker;
    Hasher hasher;
    Watch watch;
    std::list<Check> check;  // one, or none
    bool is_known = false;
    bool is_listed = false;
    bool is_current = false;
    Timer deadline;
  };

  void worker_ready();
  void take(Link& link, const CheckRequest& request);
  void forget(std::list<Link>::iterator link);
  bool has_room_for(std::uint64_t client);
  bool push_out_for(std::uint64_t client);
  void dispatch();
  std::list<Check>::iterator next();
  void begin(Slot& slot, std::list<Check>::iterator check);
  bool is_started(Slot& slot);
  void finish(Slot& slot, Fit fit);
  void try_again(Slot& slot);
  void stop_hasher(Slot& slot);
  Answer verdict(const Slot& slot, Fit fit);
  static void reply(const Link* link, std::uint64_t id, Answer answer);
  void poll();
  void end() { loop_.stop(); }
  void on_signal(int) {}

  Loop loop_;
  Signals signals_;
  Timer poll_timer_;
  WatchedFd lifeline_;
  WatchedFd workers_;
  const std::vector<const Options*> rules_;
  const Limits limits_;
  UserStore users_;
  GuessLimiter guesses_;
  std::list<Link> links_;
  std::list<Check> queue_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<pid_t> dying_;  // hashers that were killed, not reaped yet
};

}  // namespace cgisrv::auth
