// One end of the socketpair between master and worker: whole packets, in order, SOCK_SEQPACKET.
#pragma once

#include <cgisrv/loop.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cgisrv::pool {

class Channel {
 public:
  static constexpr std::size_t packet_bytes_max = 256;

  Channel() = default;
  // `ready` is called when there is something to receive, when the other end is gone, and when a
  // failed send() may be repeated. `maybe_room` is the same function, called when there may be
  // room.
  Channel(Loop& loop, Fd socket, WatchCallback ready, Callback maybe_room);
  Channel(Channel&&) = default;
  Channel& operator=(Channel&&) = default;

  // Two connected ends, non-blocking. Nothing, with errno set, when there is no descriptor left.
  static std::optional<std::pair<Fd, Fd>> open();

  // The next packet, valid until the next call. Nothing: none now, or none ever again (ended()).
  std::optional<std::string_view> receive();
  bool ended() const { return ended_; }

  // False when the other end has long not read, or is gone.
  bool send(std::string_view packet);
  // As send(), but a packet that finds no room is kept, and sent in order later.
  void post(std::string_view packet);

  explicit operator bool() const { return static_cast<bool>(socket_); }
  void reset() {
    socket_.reset();
    retry_.reset();
  }

 private:
  bool try_send(std::string_view packet) const;
  void send_unsent();
  void wait_for_room(int reason);

  WatchedFd socket_;
  std::array<char, packet_bytes_max> received_{};
  std::deque<std::string> unsent_;
  std::unique_ptr<Timer> retry_;  // armed while the kernel lacks something other than room
  bool wants_room_ = false;
  bool ended_ = false;
};

}  // namespace cgisrv::pool
