// A connected socket. Plain TCP and unix sockets now; TLS will have the same interface.
#pragma once

#include <cgisrv/fd.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cgisrv::net {

struct Io {
  enum class Status : std::uint8_t {
    ok,       // `bytes` were moved, at least one
    blocked,  // try again when the descriptor is ready
    ended,    // reading: the peer has finished sending
    failed,   // reset, or gone
  };
  Status status = Status::ok;
  std::size_t bytes = 0;
};

class Stream {
 public:
  explicit Stream(Fd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  Io read(std::span<char> into);
  // `more`: further bytes follow at once, so a short packet can wait for them (MSG_MORE).
  Io write(std::string_view bytes, bool more);
  // sendfile(2). Fails for a file that has become shorter.
  Io send_file(int file, std::uint64_t offset, std::uint64_t length);
  // Bytes written that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)). On a unix socket:
  // bytes that the peer has not read, plus the kernel's overhead.
  std::uint64_t unacknowledged() const;
  void finish_writing();  // the peer sees the end of what we send
  void reset_on_close();  // the peer sees a reset: its data is incomplete
  void close() { socket_.reset(); }

 private:
  Fd socket_;
};

}  // namespace cgisrv::net
