// The process that boots zygotes, replaces those that are out of date, and retires those that
// nobody uses. Requests do not pass through it: workers talk to zygotes directly (warm/wire.h).
#pragma once

#include <cgisrv/loop.h>
#include <sys/resource.h>

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event/heartbeat.h"
#include "event/signals.h"
#include "process/child.h"
#include "warm/boot.h"
#include "warm/manager_message.h"
#include "warm/options.h"
#include "warm/recipe.h"
#include "warm/zygote_table.h"

namespace cgisrv::warm {

// Nothing: no such location, or it is started cold.
using Lookup = std::function<std::optional<WarmConfig>(const ZygoteKey&)>;
// Called with the number of a program's ready zygotes when it has changed. Ignores the key's
// number.
using Count = std::function<void(const ZygoteKey&, unsigned ready)>;

class ZygoteManager {
 public:
  // `channel`: its end of the socket that the workers share. `lifeline`: a pipe that nobody writes
  // to; the master has the other end. `library`: where the shim is.
  ZygoteManager(Fd channel, Fd lifeline, Lookup lookup, std::string library,
                const rlimit& descriptors);
  ~ZygoteManager();

  void when_counted(Count count) { count_ = std::move(count); }
  void show_life(Beats& beats, std::chrono::milliseconds timeout) {
    heartbeat_.emplace(loop_, beats, timeout);
  }
  // Where it records its living zygotes.
  void show_zygotes(ZygoteTable& table) { table_ = &table; }
  // Returns when the master closes the lifeline, or dies. Ignores signals: they are for the master.
  int run();

 private:
  class ZygoteProcess;
  // Why there can be no zygote, as long as the file is as it was then.
  struct Refusal {
    std::string reason;
    Stamp script{};
    // If it could be kept warm before: the files of that zygote, and when it became impossible
    // (time_of_changes_ns()).
    std::vector<std::string> suspects;
    std::int64_t since_ns = 0;
  };
  // coming --ready--> serving --> retired (its control socket is closed, and it ends by itself)
  struct ManagedZygote {
    std::unique_ptr<ZygoteProcess> serving;
    std::unique_ptr<ZygoteProcess> coming;  // replaces it as soon as it is ready
    Refusal refusal;
    TimePoint not_before{};  // delays the next boot after a death
    bool is_native = false;
    bool gain_told = false;
    Clock::duration settling{};  // how long to keep one whose files changed as it loaded
    bool is_suspected() const { return !refusal.reason.empty() && !refusal.suspects.empty(); }
  };
  using ManagedZygotes = std::map<ZygoteKey, ManagedZygote>;
  struct Subscriber {
    Subscriber(ZygoteManager& manager, Fd socket);
    void gone();
    ZygoteManager& manager;
    WatchedFd socket;
    std::list<Subscriber>::iterator self;
  };

  // Processes reaped lately that were no zygotes but descendants of one that had died.
  struct Ended {
    TimePoint when;
    pid_t pid;
    int status;
    rusage usage;
  };

  void on_signal(int number);
  void channel_ready();
  void on_message(const ManagerMessage& message, Fd descriptor);
  void wanted(const ZygoteKey& key);
  void begin(const ZygoteKey& key, ManagedZygote& managed);
  void became_ready(const ZygoteKey& key, ManagedZygote& managed);
  void tell_gain(const ZygoteKey& key, ManagedZygote& managed);
  void condemn(pid_t pid, std::string_view why);
  void check_stopped();
  void check_retired();
  const Refusal* refusal_of(const ZygoteKey& key) const;
  void refuse(const ZygoteKey& key, ManagedZygote& managed, std::string reason,
              bool by_kind = false);
  bool is_mended(ManagedZygote& managed) const;
  void stop();
  void kill_all();
  void reap();
  void lose(const ZygoteKey& key, ManagedZygote& managed);
  void died(const ZygoteKey& key, ManagedZygote& managed, bool was_serving,
            const process::Exit& exit);
  void put_off(const ZygoteKey& key, ManagedZygote& managed, std::string_view why);
  void on_boot_status();
  void poll();
  void follow_log();
  void count();
  void make_room();
  ManagerMessage make_message(ManagerMessage::Kind kind, const ZygoteKey& key,
                              const ManagedZygote& managed) const;
  void tell_all(const ManagerMessage& message, int descriptor = -1);
  void remember_end(pid_t pid, int status, const rusage& usage);
  void tell_end(pid_t pid);
  void tell(const Ended& ended);
  bool tell_what_there_is(const Subscriber& subscriber) const;

  Loop loop_;
  Signals signals_;
  WatchedFd channel_;
  WatchedFd lifeline_;
  Lookup lookup_;
  std::string library_;
  rlimit descriptors_;
  ManagedZygotes managed_;
  std::list<Subscriber> subscribers_;
  Timer poll_timer_;  // armed while there is a zygote
  Timer follow_;
  Timer count_due_;
  Count count_;
  std::optional<Heartbeat> heartbeat_;
  ZygoteTable* table_ = nullptr;
  Timer end_;  // for zygotes that are to end
  // Also those that retire.
  struct Alive {
    std::uint64_t generation;
    std::string file;
    ZygoteTable::Place place;
    bool was_stopped = false;  // at the last check
    bool is_condemned = false;
    bool has_served = false;
    TimePoint to_end{};  // since when it is to end; unset: it boots, or serves
  };
  std::map<pid_t, Alive> alive_;
  std::deque<Ended> ended_;
  std::set<pid_t> awaited_;           // asked for and not reaped yet: the zygote is about to die
  std::set<std::string> told_kinds_;  // reasons, few: they name interpreters
  bool stopping_ = false;
  std::uint64_t generations_;
};

}  // namespace cgisrv::warm
