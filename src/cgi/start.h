// The start of one run: pipes, environment and a process; warm where that can be had, else plainly.
#pragma once

#include <cgisrv/loop.h>

#include <memory>
#include <string_view>

#include "cgi/launch.h"
#include "warm/zygotes.h"

namespace cgisrv::cgi {

class Start {
 public:
  // `decided` is called once, maybe before begin() returns. All references outlive this.
  Start(const Script& script, const Options& options, process::Roster& roster,
        warm::Zygotes* zygotes, Callback decided);

  // `streams`: with a pipe for a body that is still to come. False, with errno set: there is no
  // descriptor left.
  bool open_pipes(bool streams);
  // `input`: what it reads where no body streams; -1: nothing.
  void begin(Environment environment, int input, rlimit descriptors, process::Cgroups* cgroups);

  // Once it is decided.
  std::expected<process::Child, process::SpawnFailure> result =
      std::unexpected(process::SpawnFailure{});
  bool warm() const { return warm_; }
  // It may have run, and is gone: it must not be started again.
  bool lost() const { return lost_; }
  // Where it could have been warm: why it is not, in a word.
  std::string_view why_cold() const { return why_cold_; }

  Fd output, error, body;  // our ends
  // The program's ends, which it has by now, or never will.
  void release();

 private:
  std::string_view ask(process::Cgroups* cgroups);
  void born(std::uint32_t);
  void start_plainly();

  const Script& script_;
  const Options& options_;
  process::Roster& roster_;
  warm::Zygotes* zygotes_;
  Callback decided_;
  Environment environment_;
  Fd their_output_, their_error_, their_body_;
  int input_ = -1;
  rlimit descriptors_{};
  process::Cgroups* cgroups_ = nullptr;
  process::Cgroup cgroup_;
  std::unique_ptr<warm::Birth> birth_;
  std::string_view why_cold_;
  bool warm_ = false;
  bool lost_ = false;
};

}  // namespace cgisrv::cgi
