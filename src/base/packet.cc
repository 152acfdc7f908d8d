#include "base/packet.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/check.h"

namespace cgisrv {

namespace {

constexpr std::size_t room_for_descriptors = CMSG_SPACE(packet_descriptors_max * sizeof(int));
using Ancillary = std::array<char, room_for_descriptors>;

// Takes hold of all that came, so that none is left open by mistake.
Fd first_descriptor(msghdr& message) {
  Fd first;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      Fd descriptor(number);
      if (!first) first = std::move(descriptor);
    }
  }
  return first;
}

}  // namespace

std::optional<std::pair<Fd, Fd>> open_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return std::nullopt;
  return std::pair{Fd(ends[0]), Fd(ends[1])};
}

bool send_packet(int socket, std::span<const iovec> parts, std::span<const int> descriptors) {
  CGISRV_CHECK(descriptors.size() <= packet_descriptors_max);
  alignas(cmsghdr) Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  if (!descriptors.empty()) {
    message.msg_control = ancillary.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

std::optional<Packet> receive_packet(int socket, std::span<char> room, int flags) {
  alignas(cmsghdr) Ancillary ancillary{};
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const ssize_t size = ::recvmsg(socket, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size <= 0) return std::nullopt;
  return Packet{{room.data(), static_cast<std::size_t>(size)}, first_descriptor(message)};
}

}  // namespace cgisrv
