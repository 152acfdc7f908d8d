// The command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/peer.h"
#include "command/haproxy_config.h"
#include "command/passwd.h"
#include "command/remote.h"
#include "config/config.h"
#include "exec/options.h"

namespace cgisrv::command {

using exec::ExecOptions;

struct Command {
  enum class Kind { serve, check, exec, passwd, haproxy, reference, remote, done };
  Kind kind = Kind::serve;
  int status = 0;  // done: only exit with this status (after --help, or a wrong flag)
  std::string directory = ".";
  std::string config_file;             // empty: serve the directory
  std::vector<std::string> explain;    // check: how are these URLs answered?
  std::optional<access::Peer> client;  // whoever asks for them; none: the administrator
  std::string method;                  // by which they are asked for; empty: by any
  std::vector<std::string> listen;
  std::vector<std::string> fastcgi;  // the same, for web servers
  std::vector<std::string> scgi;
  ExecOptions exec;
  std::vector<std::string> hosts;  // accepted for a directory besides our own names
  std::string admin;               // of the status page; empty: as configured
  unsigned workers = 0;            // 0: as configured, or one per core
  config::DirectoryOptions of_directory;
  bool open_browser = false;
  bool as_manual = false;  // reference: for scdoc
  RemoteCommand remote;
  PasswdCommand passwd;
  HaproxyCommand haproxy;
  std::string password_user;  // --auth: whose password is asked for; empty: everybody is let in
};

Command parse_command_line(int argc, char** argv);

}  // namespace cgisrv::command
