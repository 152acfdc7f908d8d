// A packet with at most a few descriptors over a SOCK_SEQPACKET socket: sendmsg(2), unix(7).
#pragma once

#include <cgisrv/fd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace cgisrv {

// The two ends of a socketpair(2); nothing, with errno set, if no descriptors are left. Packet
// calls below never block.
std::optional<std::pair<Fd, Fd>> open_pair(int type = SOCK_SEQPACKET);

inline constexpr std::size_t packet_descriptors_max = 8;

// False, with errno set: nothing was sent. The caller keeps its descriptors.
bool send_packet(int socket, std::span<const iovec> parts, std::span<const int> descriptors);

// A descriptor from another process, which may try to block us when we close it. A socket with
// SO_LINGER would wait until its data is taken (socket(7)); so would a local socket that holds such
// a socket, not yet received. Moving it into an Fd means that it is trusted.
class SentFd : public Fd {
 public:
  SentFd() = default;
  explicit SentFd(int fd) : Fd(fd) {}
  SentFd(SentFd&&) noexcept = default;
  SentFd& operator=(SentFd&&) = delete;
  ~SentFd();
};

struct Packet {
  std::string_view bytes;       // in the given room
  SentFd descriptor;            // the first that came with it; others are closed
  std::size_t descriptors = 0;  // how many came
  bool whole = true;            // there was room for all of it
  pid_t sender = 0;             // by the kernel, if the socket names senders: name_senders()
};

// From now on packets received there name their sender, who cannot forge that.
bool name_senders(int socket);

// Nothing: none now, or none ever again, which epoll tells apart. `flags`: MSG_PEEK leaves the
// packet there, and gives a copy of the descriptor.
std::optional<Packet> receive_packet(int socket, std::span<char> room, int flags = 0);

// For a socket that nobody reads any more: nothing more can be sent to it, and pending packets are
// discarded here, safely as above. Else closing the socket would do that, in any process.
void end_reading(int socket);

}  // namespace cgisrv
