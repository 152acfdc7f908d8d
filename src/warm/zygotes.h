// The worker's side of warm start: the known zygotes, and the requests given to them (warm/wire.h).
#pragma once

#include <cgisrv/loop.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/packet.h"
#include "process/child.h"
#include "process/spawn.h"
#include "warm/manager_message.h"
#include "warm/options.h"

namespace cgisrv::warm {

// A request's program. The caller owns all of it; it is only read while it is sent.
struct ForkRequest {
  const ZygoteKey& key;
  const std::string& directory;        // becomes the working directory
  std::span<char* const> environment;  // NAME=value
  std::span<const process::ResourceLimit> limits;
  int stdin_fd;  // -1: no input
  int stdout_fd;
  int stderr_fd;
  int cgroup_fd = -1;  // if set: the members file of its cgroup
};

class PendingFork;

// How far the start of a request's process has come.
enum class ForkState : std::uint8_t {
  idle,
  asked,  // `decided` will be called
  begun,
  failed,  // nothing of it has run, and nothing will: it may be started cold
  lost,    // it may have run, and is gone
};

class Zygotes {
 public:
  // `manager`: the workers' end of the socket to the manager; the caller keeps it. `worker`: its
  // number.
  Zygotes(Loop& loop, int manager, unsigned worker);
  ~Zygotes();

  // Which of a program's zygotes this worker asks.
  std::uint32_t number(const Options& options) const {
    return options.zygotes > 0 ? worker_ % options.zygotes : worker_ / workers_per_zygote;
  }

  // Blocks until the manager reports a zygote; for callers with nothing else to do. False: timeout.
  bool wait_for(const ZygoteKey& key, std::chrono::milliseconds timeout);

 private:
  friend class PendingFork;
  // A zygote forks as fast as several workers can ask.
  static constexpr unsigned workers_per_zygote = 4;
  static constexpr auto silence_interval = std::chrono::seconds(1);

  struct ZygoteLink {
    ZygoteLink(Zygotes& zygotes, const ManagerMessage& message, Fd control);
    ~ZygoteLink() { end_reading(reply.get()); }
    ZygoteLink(const ZygoteLink&) = delete;
    ZygoteLink& operator=(const ZygoteLink&) = delete;
    void gone();
    void reply_ready();
    bool open_reply();
    Zygotes& zygotes;
    ZygoteKey key;
    Stamp script;
    std::uint64_t generation;
    std::uint64_t used = 0;          // requests since the last report to the manager
    std::uint64_t processor_us = 0;  // of those that have ended since then
    Fd control;
    Watch watch;  // ends before the descriptor, which other processes share
    // One per zygote, so that its messages concern no other program. None: it has not been asked
    // yet, or is condemned.
    WatchedFd reply;
    Fd reply_theirs;
    unsigned owed = 0;  // messages that may still come for forks that were given up
  };
  // What is known of a key.
  struct ZygoteState {
    std::shared_ptr<ZygoteLink> zygote;
    std::optional<Stamp> refused;  // for the file as it was then
    TimePoint asked{};
  };
  enum class PidfdCheck { unable, right, wrong };
  // A request, from its sending until no more messages about it will come.
  struct ForkRecord {
    Zygotes& zygotes;
    std::uint64_t id;
    std::shared_ptr<ZygoteLink> zygote;
    PendingFork* pending;  // null: nobody waits for its start
    int claim;
    std::shared_ptr<process::ExitNotice> report;  // owns the claim and the pidfd
    // Makes room for the pidfd in the message that it has begun: if no descriptor number is free,
    // the kernel drops the pidfd on arrival.
    Fd spare;
    pid_t pid = 0;
    PidfdCheck pidfd = PidfdCheck::unable;  // whether the pidfd is that of its process
    TimePoint silent_since{};               // it has ended, untold by its zygote, since then
    Watch orphan;                           // once its zygote is gone, its end is watched here
    bool is_asked = false;                  // the manager was asked how it ended
    void orphan_ended();
    void watch_for_end();
    bool take_back() const;
    PidfdCheck check_pidfd();
  };
  using ForkRecords = std::unordered_map<std::uint64_t, ForkRecord>;

  std::string_view send(const ForkRequest& request, PendingFork& pending);
  void ask_for(const ZygoteKey& key, ZygoteState& known);
  void subscribe();
  void news_ready(std::uint32_t events);
  void on_message(const ManagerMessage& message, Fd control);
  void on_end(const ManagerMessage& message);
  // False: it was none of the messages that the zygote may send now.
  bool take_reply(ZygoteLink& zygote);
  void hear(ZygoteLink& zygote);
  bool begun(ForkRecord& record, Packet packet);
  bool ended(ForkRecord& record, const Packet& packet);
  bool failed(ForkRecord& record, const Packet& packet);
  void finish(ForkRecord& record, const process::Exit& exit);
  void forget(ForkRecords::iterator record);
  void give_up(ForkRecord& record, ForkState state);
  void let_go(const ZygoteLink& zygote);
  void complain(ManagerMessage::Kind kind, const ZygoteLink& zygote, std::string_view why);
  void condemn(ZygoteLink& zygote, std::string_view why);
  void lost(ZygoteLink& zygote);
  void settle(const ZygoteLink& zygote, bool may_be_told);
  void check_silence();
  void hold_spare_fd();
  void renew_event(ForkRecord& record);
  void report_use();

  Loop& loop_;
  int manager_;
  unsigned worker_;
  Fd spare_fd_;  // reserved for ForkRecord::check_pidfd(), which briefly needs a descriptor
  WatchedFd news_;
  Timer subscribe_;
  Timer use_;
  Timer silence_;
  std::map<ZygoteKey, ZygoteState> states_;
  ForkRecords records_;
  std::uint64_t ids_ = 0;
};

// The start of one request's process. Used for at most one request.
class PendingFork {
 public:
  PendingFork(Zygotes& zygotes, Callback decided);
  // Takes back a request that has only been asked for; if it has begun, ends it.
  ~PendingFork();

  // Asks. Returns why it was not even sent, in a word: start it cold. Empty: it was.
  std::string_view ask(const ForkRequest& request) { return zygotes_.send(request, *this); }
  ForkState state() const { return state_; }
  process::Child take() { return std::move(child_); }

 private:
  friend class Zygotes;
  void asked(std::uint64_t id);
  void overdue();
  void decide(ForkState state);

  Zygotes& zygotes_;
  Callback decided_;
  Timer timeout_;
  bool overdue_ = false;
  ForkState state_ = ForkState::idle;
  std::uint64_t id_ = 0;
  process::Child child_;
};

}  // namespace cgisrv::warm
