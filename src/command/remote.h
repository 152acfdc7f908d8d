// The commands that speak to a running server: status, reload, upgrade, reopen, drain, undrain,
// quit, stop.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace cgisrv::command {

struct RemoteCommand {
  std::string verb;
  // Which server, if there are several.
  std::string config_file;
  std::string socket;
  pid_t pid = 0;

  bool json = false;   // status: as sent by the server
  bool watch = false;  // status: again and again
  double watch_seconds = 2;
  bool wait = true;               // quit, stop: until the server has ended
  bool for_maintenance = false;   // drain
  bool wait_for_clients = false;  // drain: until there is none
  double wait_seconds = 0;        // for so long at most; 0: without end
  bool if_running = false;        // all except status: no running server is no failure
};

// The running servers of that configuration that this user may speak to, by pid.
std::vector<pid_t> servers_by(const std::string& config_file);

// Prints the result; returns the exit status.
int run_remote(const RemoteCommand& command);

}  // namespace cgisrv::command
