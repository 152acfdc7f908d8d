// The process that boots zygotes, replaces those that are out of date, and retires those that
// nobody uses. Requests do not come by here: workers and zygotes talk to each other (warm/wire.h).
#pragma once

#include <cgisrv/loop.h>
#include <sys/resource.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event/signals.h"
#include "warm/boot.h"
#include "warm/note.h"
#include "warm/options.h"
#include "warm/recipe.h"

namespace cgisrv::warm {

// What the configuration says of a program.
struct Wish {
  Program program;
  Options options;
};
// Nothing: no such location, or it is started plainly.
using Lookup = std::function<std::optional<Wish>(const Subject&)>;
// Told how many zygotes of a program are ready, when that has changed. Its subject's share counts
// for nothing.
using Count = std::function<void(const Subject&, unsigned ready)>;

class Keeper {
 public:
  // `channel`: its end of the socket that the workers share. `lifeline`: a pipe that nobody writes
  // to, whose other end the master has. `library`: where the shim is.
  Keeper(Fd channel, Fd lifeline, Lookup lookup, std::string library, const rlimit& descriptors);
  ~Keeper();

  void when_counted(Count count) { count_ = std::move(count); }
  // Until the master closes the lifeline, or dies. Signals do not end it: they are for the master.
  int run();

 private:
  class Zygote;
  // Why there is none, as long as the file is as it was then.
  struct Refusal {
    std::string reason;
    Stamp script{};
    // Of one that could be kept warm before: what that was made of, and when it could not any more
    // (time_of_changes_ns()).
    std::vector<std::string> suspects;
    std::int64_t since_ns = 0;
  };
  // coming --ready--> serving --> retired (its control socket is closed, and it ends by itself)
  struct Entry {
    std::unique_ptr<Zygote> serving;
    std::unique_ptr<Zygote> coming;  // takes its place as soon as it is ready
    Refusal refusal;
    TimePoint not_before{};      // one that has died is not booted again at once
    Clock::duration settling{};  // how long one is served whose files changed as it loaded them
    bool is_suspected() const { return !refusal.reason.empty() && !refusal.suspects.empty(); }
  };
  using Entries = std::map<Subject, Entry>;
  struct Subscriber {
    Subscriber(Keeper& keeper, Fd socket);
    void gone(std::uint32_t);
    Keeper& keeper;
    WatchedFd socket;
    std::list<Subscriber>::iterator self;
  };

  void on_signal(std::uint32_t number);
  void channel_ready(std::uint32_t);
  void told(const Note& note, Fd descriptor);
  void wanted(const Subject& subject);
  void begin(const Subject& subject, Entry& entry);
  void became_ready(const Subject& subject, Entry& entry);
  const Refusal* refusal_of(const Subject& subject) const;
  void refuse(const Subject& subject, Entry& entry, std::string reason);
  bool is_mended(Entry& entry) const;
  void stop(std::uint32_t);
  void kill_all(std::uint32_t);
  void reap();
  void died(const Subject& subject, Entry& entry, bool was_serving, int status);
  void heard(std::uint32_t);
  void look(std::uint32_t);
  void follow_log(std::uint32_t);
  void count(std::uint32_t);
  void make_room();
  Note note(Note::Kind kind, const Subject& subject, const Entry& entry) const;
  void tell_all(const Note& note, int descriptor = -1);
  bool tell_what_there_is(const Subscriber& subscriber) const;

  Loop loop_;
  Signals signals_;
  WatchedFd channel_;
  WatchedFd lifeline_;
  Lookup lookup_;
  std::string library_;
  rlimit descriptors_;
  Entries entries_;
  std::list<Subscriber> subscribers_;
  Timer look_;  // armed while there is a zygote
  Timer follow_;
  Timer count_due_;
  Count count_;
  Timer end_;              // of the patience with zygotes that are to end
  std::set<pid_t> alive_;  // also those that retire
  bool stopping_ = false;
  std::uint64_t generations_ = 0;
};

}  // namespace cgisrv::warm
