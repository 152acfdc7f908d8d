// Why a program failed after its start, as far as its exit and its standard error tell.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cgi/options.h"
#include "cgi/script.h"
#include "process/child.h"

namespace cgisrv::cgi {

struct Ending {
  const process::Exit& exit;
  const Script& script;
  const Options& options;
  std::string_view stderr_tail;
  bool memory_ran_out = false;  // the kernel killed a process for lack of memory while this one ran
};

// The cause and the remedy, to follow "killed by signal 24 (SIGXCPU)" or "exit status 3" after a
// colon; empty when unknown. Fit for the log.
std::string explain_ending(const Ending& ending);

// The same of one that has printed nothing in that time, and computed for a part of it.
std::string_view explain_silence(Options::Duration silent,
                                 std::optional<std::chrono::nanoseconds> busy);

// "0.5 s"
std::string seconds_text(Options::Duration duration);

}  // namespace cgisrv::cgi
