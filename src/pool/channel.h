// One end of the socketpair between master and worker: whole packets, in order, SOCK_SEQPACKET.
#pragma once

#include <cgisrv/loop.h>

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cgisrv::pool {

class Channel {
 public:
  static constexpr std::size_t packet_bytes_max = 256;

  Channel() = default;
  // `ready` is called when there is something to receive, when the other end is gone, and when
  // there is room again after send() found none.
  Channel(Loop& loop, Fd socket, Callback ready);
  Channel(Channel&&) = default;
  Channel& operator=(Channel&&) = default;

  // Two connected ends, non-blocking. Nothing, with errno set, when there is no descriptor left.
  static std::optional<std::pair<Fd, Fd>> open();

  // The next packet, valid until the next call. Nothing: there is none now, or never will be again
  // (ended()).
  std::optional<std::string_view> receive();
  bool ended() const { return ended_; }

  // False when the other end has not read for long, or is gone.
  bool send(std::string_view packet);
  // As send(), but what finds no room is kept and sent in order when there is some.
  void post(std::string_view packet);

  explicit operator bool() const { return static_cast<bool>(socket_); }
  void reset() { socket_.reset(); }

 private:
  bool try_send(std::string_view packet) const;
  void send_unsent();

  WatchedFd socket_;
  std::array<char, packet_bytes_max> received_{};
  std::deque<std::string> unsent_;
  bool wants_room_ = false;
  bool ended_ = false;
};

}  // namespace cgisrv::pool
