// The worker's side of warm start: which zygotes there are, and the requests that they have been
// given (warm/wire.h).
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
#include <vector>

#include "process/child.h"
#include "process/spawn.h"
#include "warm/note.h"
#include "warm/options.h"

namespace cgisrv::warm {

// A request's program, all of it the caller's; only looked at while it is sent.
struct Order {
  const Subject& subject;
  const std::string& directory;        // becomes the working directory
  std::span<char* const> environment;  // NAME=value
  std::span<const process::ResourceLimit> limits;
  int stdin_fd;  // -1: there is nothing to read
  int stdout_fd;
  int stderr_fd;
  int cgroup_fd = -1;  // where set: the members of the cgroup that it is to be in
};

class Birth;

// How far the start of a request's process is.
enum class State : std::uint8_t {
  idle,
  asked,  // `decided` will be called
  begun,
  failed,  // nothing of it has run, and nothing will: it may be started plainly
  lost,    // it may have run, and is gone
};

class Zygotes {
 public:
  // `keeper`: the workers' end of the socket to it, which stays the caller's. `worker`: its number.
  Zygotes(Loop& loop, int keeper, unsigned worker);
  ~Zygotes();
  Zygotes(const Zygotes&) = delete;
  Zygotes& operator=(const Zygotes&) = delete;

  // Which of a program's zygotes is this worker's to ask.
  std::uint32_t number(const Options& options) const {
    return options.zygotes > 0 ? worker_ % options.zygotes : worker_ / workers_per_zygote;
  }

  // Waits for the keeper to tell of a zygote: for who has nothing else to do. Whether it has.
  bool wait_for(const Subject& subject, std::chrono::milliseconds patience);

 private:
  friend class Birth;
  // A zygote forks as fast as several workers can ask.
  static constexpr unsigned workers_per_zygote = 4;

  struct Zygote {
    Zygote(Zygotes& zygotes, const Note& note, Fd control);
    void gone(std::uint32_t);
    Zygotes& zygotes;
    Subject subject;
    Stamp script;
    std::uint64_t generation;
    std::uint64_t used = 0;  // since the keeper was told
    Fd control;
    Watch watch;  // ends before the descriptor, which other processes have, too
  };
  // What is known of a subject.
  struct Known {
    std::shared_ptr<Zygote> zygote;
    std::optional<Stamp> refused;  // for the file as it was then
    TimePoint asked{};
  };
  // A request from the moment when it was sent until nothing more will be said of it.
  struct Record {
    Zygotes& zygotes;
    std::uint64_t id;
    std::shared_ptr<Zygote> zygote;
    Birth* birth;  // none: nobody waits for its beginning
    int claim;
    std::shared_ptr<process::Report> report;  // which owns the claim and the pidfd
    pid_t pid = 0;
    Watch orphan;  // once its zygote is gone, its end is seen here
    void orphan_ended(std::uint32_t);
    bool take_back() const;
  };
  using Records = std::unordered_map<std::uint64_t, Record>;

  std::string_view send(const Order& order, Birth& birth);
  void ask_for(const Subject& subject, Known& known);
  void subscribe();
  void news_ready(std::uint32_t events);
  void told(const Note& note, Fd control);
  bool take_spare();
  void reply_ready(std::uint32_t);
  void take_reply();
  void begun(Record& record, std::string_view bytes, Fd pidfd);
  void ended(Record& record, std::string_view bytes);
  void give_up(Record& record, State state);
  void distrust(const Record& record, std::string_view why);
  void lost(const Zygote& zygote);
  void report_use(std::uint32_t);

  Loop& loop_;
  int keeper_;
  unsigned worker_;
  Fd reply_theirs_;
  WatchedFd reply_;
  Fd spare_;  // for the descriptor that comes with the next word that something has begun
  WatchedFd news_;
  Timer use_;
  std::map<Subject, Known> known_;
  Records records_;
  std::uint64_t ids_ = 0;
};

// The start of one request's process. At most one request each.
class Birth {
 public:
  Birth(Zygotes& zygotes, Callback decided);
  // A request that has only been asked for is taken back; if it has begun, it is ended.
  ~Birth();
  Birth(const Birth&) = delete;
  Birth& operator=(const Birth&) = delete;

  // Why it was not even asked, in a word: start it plainly. Empty: it was.
  std::string_view ask(const Order& order) { return zygotes_.send(order, *this); }
  State state() const { return state_; }
  process::Child take() { return std::move(child_); }

 private:
  friend class Zygotes;
  void overdue(std::uint32_t);
  void decide(State state);

  Zygotes& zygotes_;
  Callback decided_;
  Timer patience_;
  bool overdue_ = false;
  State state_ = State::idle;
  std::uint64_t id_ = 0;
  process::Child child_;
};

}  // namespace cgisrv::warm
