// Messages between the manager and the workers. Each is one packet, within one build.
//
//   worker -> manager   subscribe (with the socket for the answers), wanted, used, suspect,
//                       condemned, orphan
//   manager -> workers  zygote (with its control socket), gone, refused, ended
//
// All workers share one socket to the manager. It outlives the manager: messages sent while there
// is none are read by the next. Each worker brings a socket for the other direction, whose end
// tells it that the manager has died.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "warm/stamp.h"

namespace cgisrv::warm {

// A program in the configuration: one file in two locations is two programs.
struct ZygoteKey {
  std::uint32_t location = 0;
  std::string file;
  std::uint32_t number = 0;  // which one, where it has several zygotes
  auto operator<=>(const ZygoteKey&) const = default;
};

struct ManagerMessage {
  enum class Kind : std::uint8_t {
    subscribe,  // send me all changes, beginning with the present state
    wanted,     // a zygote of the key
    used,       // `count` requests since the last message, which took `processor_us`
    suspect,    // replace it; `reason` is for the log
    condemned,  // kill it, whether it serves or retires; `reason` is for the log
    zygote,     // there is one; it replaces the one before
    gone,       // there is none any more: close your end; there may be another
    refused,    // there can be none while the file has this `stamp`; `reason` is for the log
    orphan,     // how has process `pid` ended, whose zygote is gone?
    ended,      // it has ended like this: `status`, `usage`
  };
  Kind kind = Kind::wanted;
  ZygoteKey key{};
  std::uint64_t generation = 0;  // of the zygote
  std::uint64_t count = 0;
  std::uint64_t processor_us = 0;
  Stamp stamp{};       // of the file
  std::string reason;  // a whole sentence
  pid_t pid = 0;
  int status = 0;  // as of wait4(2)
  rusage usage{};
};

inline constexpr std::size_t manager_message_bytes_max = 16 * 1024;

std::string pack(const ManagerMessage& message);
std::optional<ManagerMessage> unpack(std::string_view bytes);

// False: the other end does not read, or is gone. The caller keeps its descriptor, which is copied.
bool send_message(int socket, const ManagerMessage& message, int descriptor = -1);

}  // namespace cgisrv::warm
