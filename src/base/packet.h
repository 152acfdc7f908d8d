// A packet with at most a few descriptors over a SOCK_SEQPACKET socket: sendmsg(2), unix(7).
#pragma once

#include <cgisrv/fd.h>
#include <sys/uio.h>

#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace cgisrv {

// The two ends, neither of which waits.
std::optional<std::pair<Fd, Fd>> open_pair();

inline constexpr std::size_t packet_descriptors_max = 8;

// False, with errno set: nothing was sent. The descriptors stay the caller's.
bool send_packet(int socket, std::span<const iovec> parts, std::span<const int> descriptors);

struct Packet {
  std::string_view bytes;  // in the room that was given
  Fd descriptor;           // the first that came with it; others are closed
};

// Nothing: there is none now, or there will be none any more, which epoll tells apart. `flags`:
// MSG_PEEK leaves it there, and gives a copy of the descriptor.
std::optional<Packet> receive_packet(int socket, std::span<char> room, int flags = 0);

}  // namespace cgisrv
