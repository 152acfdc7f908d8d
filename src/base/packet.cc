#include "base/packet.h"

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace cgisrv {

namespace {

// The most descriptors in a packet, SCM_MAX_FD: those without room are closed by the kernel.
constexpr std::size_t sent_max = 253;
using Ancillary = std::array<char, CMSG_SPACE(sent_max * sizeof(int)) + CMSG_SPACE(sizeof(ucred))>;

// Takes every received descriptor, so that none is left open by mistake.
template <typename Take>
void take_descriptors(msghdr& message, const Take& take) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      take(number);
    }
  }
}

pid_t sender_of(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(part), sizeof sender);
    return sender.pid;
  }
  return 0;
}

// Less than 0: none. What comes with an empty packet tells it from the end.
ssize_t receive(int socket, std::span<char> room, int flags, Ancillary& ancillary,
                msghdr& message) {
  iovec part{room.data(), room.size()};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const ssize_t size = ::recvmsg(socket, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  return size == 0 && message.msg_controllen == 0 ? -1 : size;
}

// ---- discarding

using Held = std::vector<Fd>;

// Pending data of that socket, as much as came with one packet, or one connection.
bool take_underway(int socket, Held& held) {
  alignas(cmsghdr) Ancillary ancillary;
  std::array<char, 4096> room;
  msghdr message{};
  const auto hold = [&held](int fd) { held.emplace_back(fd); };
  if (receive(socket, room, 0, ancillary, message) >= 0) {
    take_descriptors(message, hold);
    return true;
  }
  const int connection = ::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC);  // shut: does not block
  if (connection >= 0) hold(connection);
  return connection >= 0;
}

// Stops further data, and lets even an empty pending packet be noticed.
bool shut(int socket) {
  return ::shutdown(socket, SHUT_RD) == 0 && name_senders(socket);
}

bool is_local(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

// Discards each socket's pending data before it is closed.
void let_go(Held& held) {
  while (!held.empty()) {
    const int fd = held.back().get();
    if (is_local(fd) && shut(fd) && take_underway(fd, held)) continue;
    constexpr linger never{};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &never, sizeof never);  // refused where it is no socket
    held.pop_back();
  }
}

}  // namespace

SentFd::~SentFd() {
  if (!*this) return;
  Held held;
  held.emplace_back(release());
  let_go(held);
}

void end_reading(int socket) {
  Held held;
  for (shut(socket); take_underway(socket, held);)
    let_go(held);
}

std::optional<std::pair<Fd, Fd>> open_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) return std::nullopt;
  return std::pair{Fd(ends[0]), Fd(ends[1])};
}

bool send_packet(int socket, std::span<const iovec> parts, std::span<const int> descriptors) {
  CGISRV_CHECK(descriptors.size() <= packet_descriptors_max);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(packet_descriptors_max * sizeof(int))> ancillary{};
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
  alignas(cmsghdr) Ancillary ancillary;
  msghdr message{};
  const ssize_t size = receive(socket, room, flags, ancillary, message);
  if (size < 0) return std::nullopt;
  std::optional<Packet> packet(std::in_place);
  packet->bytes = {room.data(), static_cast<std::size_t>(size)};
  packet->sender = sender_of(message);
  packet->whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  take_descriptors(message, [&packet](int number) {
    SentFd sent(number);
    if (packet->descriptors++ == 0) packet->descriptor.reset(sent.release());
  });
  return packet;
}

bool name_senders(int socket) {
  const int yes = 1;
  return ::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) == 0;
}

}  // namespace cgisrv
