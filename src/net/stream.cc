#include "net/stream.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace cgisrv::net {

namespace {
Io outcome(ssize_t result, Io::Status at_zero) {
  if (result > 0) return {Io::Status::ok, static_cast<std::size_t>(result)};
  if (result == 0) return {at_zero, 0};
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? Io::Status::blocked : Io::Status::failed, 0};
}
}  // namespace

Io Stream::read(std::span<char> into) {
  if (transport_) return transport_->read(into);
  return outcome(::recv(fd(), into.data(), into.size(), 0), Io::Status::ended);
}

Io Stream::write(std::string_view bytes, bool more) {
  if (transport_) return wrote(transport_->write(bytes, more));
  const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  return wrote(outcome(::send(fd(), bytes.data(), bytes.size(), flags), Io::Status::blocked));
}

Io Stream::wrote(Io io) {
  written_ += io.bytes;
  return io;
}

Io Stream::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  if (transport_) return wrote(transport_->send_file(file, offset, length));
  constexpr std::uint64_t most = 1 << 20;  // a turn's share, so that one download is not all we do
  auto position = static_cast<off_t>(offset);
  return wrote(
      outcome(::sendfile(fd(), file, &position, static_cast<std::size_t>(std::min(length, most))),
              Io::Status::failed));
}

std::uint64_t Stream::unacknowledged() const {
  int bytes = 0;
  return ::ioctl(fd(), SIOCOUTQ, &bytes) == 0 ? static_cast<std::uint64_t>(bytes) : UINT64_MAX;
}

std::uint64_t Stream::newly_acknowledged() {
  const std::uint64_t all = written_ - std::min(written_, unacknowledged());
  const std::uint64_t before = acknowledged_;
  acknowledged_ = std::max(all, before);
  return acknowledged_ - before;
}

void Stream::reset_on_close() {
  is_incomplete_ = true;
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void Stream::finish_writing() {
  if (transport_) return transport_->finish_writing();
  ::shutdown(fd(), SHUT_WR);
}

bool Stream::may_close() {
  if (!transport_) return true;
  transport_->finish_writing();
  return !transport_->has_unsent_end();
}

void Stream::close() {
  if (transport_ && socket_) transport_->close(is_incomplete_);
  socket_.reset();
}

}  // namespace cgisrv::net
