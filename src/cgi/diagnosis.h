// Why a program could not be started: one sentence with the cause and the remedy.
#pragma once

#include <string>

#include "cgi/script.h"
#include "process/spawn.h"

namespace cgisrv::cgi {

struct Diagnosis {
  int status = 502;  // 502: the program's fault; 503: the machine's load; 500: the server's
  std::string sentence;
};

// Inspects the script again (first line, mode, mount) to tell causes of one errno apart.
Diagnosis diagnose_start(const process::SpawnFailure& failure, const Script& script);

}  // namespace cgisrv::cgi
