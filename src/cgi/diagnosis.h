// Why a program could not be started, in one sentence that names the cause and the remedy.
#pragma once

#include <string>

#include "cgi/script.h"
#include "process/spawn.h"

namespace cgisrv::cgi {

struct Diagnosis {
  int status = 502;  // 502: the program's fault; 503: the machine's load; 500: the server's
  std::string sentence;
};

// Looks at the script again (its first line, its mode, its mount) to tell one errno's causes apart.
Diagnosis diagnose_start(const process::SpawnFailure& failure, const Script& script);

}  // namespace cgisrv::cgi
