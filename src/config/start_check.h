// What a valid configuration does not show: whether the server could start with it here and now.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "config/forward.h"

namespace cgisrv::config {

// Of a start by this user, a sentence each.
struct StartCheck {
  std::vector<std::string> obstacles;
  // To a start by hand: folders below /run, which are gone after each boot. A service manager makes
  // them before it starts the server (RuntimeDirectory=).
  std::vector<std::string> by_hand;
  struct AddressInUse {
    pid_t by = 0;  // 0: not visible
    std::string sentence;
  };
  // As most are while the server itself runs.
  std::vector<AddressInUse> addresses_in_use;
  // Names of hosts that nobody knows just now, see look_up_backends(); addresses to listen at
  // that this machine does not have.
  std::vector<std::string> missing_now;
  // Where the server would fall short of the configuration.
  std::vector<std::string> shortfalls;
};

// That another user must start it is not an obstacle: checking a file does not take root.
StartCheck check_start(const Config& config);

// Folders for logs, sockets and the like that are not there and that no boot makes, a sentence
// each.
std::vector<std::string> folders_lacking(const Config& config);

// Folders of sites that the server's user may not enter, a sentence each.
std::vector<std::string> closed_roots(const Config& config);

// Why we may not enter a directory that is served without a configuration; empty: we may.
std::string closed_directory(const std::string& directory);

// Backends that the server's user could not connect to now, a sentence each.
std::vector<std::string> closed_backends(const Config& config);

// Folders on the way to a unix socket that only root may enter, a sentence each. A client that may
// not enter one is refused by the kernel, in words that do not name the folder.
std::vector<std::string> closed_folders(const std::filesystem::path& socket);

}  // namespace cgisrv::config
