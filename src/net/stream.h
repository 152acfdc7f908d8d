// A connected socket: TCP or unix, plain or with a transport such as TLS between it and us.
#pragma once

#include <cgisrv/fd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "net/transport.h"

namespace cgisrv::net {

class Stream {
 public:
  // `transport`: null for the bare socket.
  explicit Stream(Fd socket, std::unique_ptr<Transport> transport = {})
      : socket_(std::move(socket)), transport_(std::move(transport)) {}

  int fd() const { return socket_.get(); }
  // Less than there is room for: nothing more is here now, unless holds_more().
  Io read(std::span<char> into);
  // After a read: more can be read at once, and no event will tell.
  bool holds_more() const { return transport_ && transport_->holds_more(); }
  // `more`: further bytes follow at once, so a short packet can wait for them (MSG_MORE).
  Io write(std::string_view bytes, bool more);
  // sendfile(2), or what the transport has instead. Fails for a file that has become shorter.
  Io send_file(int file, std::uint64_t offset, std::uint64_t length);
  // Bytes written that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)), in the form that
  // the transport gives them. On a unix socket: bytes that the peer has not read, plus the kernel's
  // overhead.
  std::uint64_t unacknowledged() const;
  // Bytes that write() and send_file() have taken.
  std::uint64_t written() const { return written_; }
  // Of those, how many the peer's kernel has acknowledged since the last call: bytes on their way
  // do not count.
  std::uint64_t newly_acknowledged();
  void finish_writing();  // the peer sees the end of what we send
  // That end has not left yet: read() sends it once the socket is writable.
  bool has_unsent_end() const { return transport_ && transport_->has_unsent_end(); }
  // Whether close() tells the peer of the end for certain. If not: finish_writing(), and wait for
  // it.
  bool may_close();
  void reset_on_close();  // the peer sees a reset: its data is incomplete
  void close();
  // Null: the bare socket.
  const Security* security() const { return transport_ ? transport_->security() : nullptr; }
  // The peer should use a transport, and does not.
  bool is_in_the_clear() const { return transport_ && transport_->security() == nullptr; }

 private:
  Io wrote(Io io);

  Fd socket_;
  std::unique_ptr<Transport> transport_;
  std::uint64_t written_ = 0;
  std::uint64_t acknowledged_ = 0;  // when last asked
  bool is_incomplete_ = false;
};

}  // namespace cgisrv::net
