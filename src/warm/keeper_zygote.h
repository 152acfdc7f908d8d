// One zygote, as its keeper sees it.
#pragma once

#include <cgisrv/loop.h>

#include <string>
#include <utility>
#include <vector>

#include "warm/boot.h"
#include "warm/keeper.h"

namespace cgisrv::warm {

class Keeper::Zygote {
 public:
  // `heard` is called when it has said that it is ready, or why it cannot be a zygote.
  Zygote(Loop& loop, Boot boot, Options options, Stamp script, std::uint64_t generation,
         Callback heard);

  pid_t pid() const { return boot_.pid; }
  int control() const { return boot_.control.get(); }
  std::uint64_t generation() const { return generation_; }
  const Stamp& script() const { return script_; }
  std::int64_t began_ns() const { return boot_.began_ns; }

  enum class Word { none, ready, refused };
  // Its last words, where it has ended before they were read.
  void hear_out() { listen(0); }
  // What it has said. Once it is ready, it is known what it is made of.
  Word word() const { return word_; }
  const std::string& reason() const { return reason_; }
  bool is_overdue() const { return overdue_; }
  // A line of its standard error that may say why it died.
  std::string complaint() const { return telling_line(boot_.error.get()); }

  void used(std::uint64_t requests);
  TimePoint last_use() const { return last_use_; }
  bool is_idle() const;
  bool is_too_large() const { return memory() > options_.max_memory; }
  // What it is made of.
  std::vector<std::string> paths() const;
  // Whether it may have loaded a file that was changed just then.
  bool is_doubtful() const { return doubtful_; }
  // Why another is to take its place; empty: it is as good as on the first day. `settling`: for how
  // long doubt is no reason.
  std::string_view fault(Clock::duration settling) const;
  std::string suspicion;  // what a worker has against it
  TimePoint began() const { return began_; }
  void kill() const;

 private:
  void listen(std::uint32_t);
  void end(std::uint32_t);
  void take_stamps();
  bool has_changed() const;
  std::uint64_t memory() const;

  Loop& loop_;
  Boot boot_;
  Options options_;
  Stamp script_;  // before it was booted
  std::uint64_t generation_;
  Callback heard_;
  Watch watch_;
  Timer patience_;
  Word word_ = Word::none;
  bool overdue_ = false;
  std::string reason_;
  std::vector<std::pair<std::string, Stamp>> files_;
  bool doubtful_ = false;
  TimePoint began_;
  TimePoint last_use_;
  std::uint64_t requests_ = 0;
};

}  // namespace cgisrv::warm
