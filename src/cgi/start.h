// The start of one run: pipes, environment and a process, warm if possible, else cold.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cgi/environment.h"
#include "cgi/options.h"
#include "cgi/script.h"
#include "process/pid_table.h"
#include "process/spawn.h"
#include "warm/zygotes.h"

namespace cgisrv::cgi {

class ProgramStart {
 public:
  // Calls `decided` once, maybe before begin() returns. All references outlive this.
  ProgramStart(const Script& script, const Options& options, process::PidTable& pid_table,
               warm::Zygotes* zygotes, Callback decided);

  // `streams`: with a pipe for a body that is still to come. False, with errno set, when no
  // descriptor is left.
  bool open_pipes(bool streams);
  // `input`: standard input where no body streams; -1: none. `descriptors`: used where the options
  // set none. `cgroups`: null: the program is not confined.
  void begin(Environment environment, int input, const rlimit& descriptors,
             process::Cgroups* cgroups);

  // Set once it is decided.
  std::expected<process::Child, process::SpawnFailure> result =
      std::unexpected(process::SpawnFailure{});
  bool warm() const { return warm_; }
  // It may have run, and is gone: it must not be started again.
  bool lost() const { return lost_; }
  // Where it could have been warm: why it is not, in a word.
  std::string_view why_cold() const { return why_cold_; }

  Fd output, error, body;  // our ends
  // Closes the program's ends: it has them by now, or never will.
  void release();

 private:
  std::string_view ask();
  void on_forked();
  void start_cold();
  std::expected<process::Child, process::SpawnFailure> spawn();

  const Script& script_;
  const Options& options_;
  process::PidTable& pid_table_;
  warm::Zygotes* zygotes_;
  Callback decided_;
  Environment environment_;
  Fd their_output_, their_error_, their_body_;
  int input_ = -1;
  std::string directory_;  // the working directory: the script's, or what a web server says
  std::vector<process::ResourceLimit> limits_;
  process::Cgroups* cgroups_ = nullptr;
  process::Cgroup cgroup_;
  std::unique_ptr<warm::PendingFork> pending_fork_;
  std::string_view why_cold_;
  bool warm_ = false;
  bool lost_ = false;
};

}  // namespace cgisrv::cgi
