#include "tls/socket_end.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/text.h"

namespace cgisrv::tls {

namespace {

SocketEnd& end_of(BIO* bio) {
  return *static_cast<SocketEnd*>(BIO_get_data(bio));
}

bool is_to_repeat() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// A record of TLS begins with a number below 32, or above 127 in SSL 2.
bool is_request(std::string_view bytes) {
  return text::is_alpha(bytes.front());
}

int read(BIO* bio, char* into, int size) {
  SocketEnd& end = end_of(bio);
  BIO_clear_retry_flags(bio);
  if (end.messages > messages_max) return -1;
  if (end.is_drained || end.has_ended || !end.clear.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const ssize_t got = ::recv(end.fd, into, static_cast<std::size_t>(size), 0);
  end.has_ended = got == 0;
  if (end.has_ended || (got < 0 && is_to_repeat())) BIO_set_retry_read(bio);
  if (got <= 0) return -1;
  end.is_drained = got < size;
  const std::string_view bytes(into, static_cast<std::size_t>(got));
  if (!end.has_read && is_request(bytes)) {
    end.clear = bytes;
    BIO_set_retry_read(bio);
    return -1;
  }
  end.has_read = true;
  return static_cast<int>(got);
}

int write(BIO* bio, const char* bytes, int size) {
  SocketEnd& end = end_of(bio);
  BIO_clear_retry_flags(bio);
  const int flags = MSG_NOSIGNAL | (end.joins_packets ? MSG_MORE : 0);
  const ssize_t sent = ::send(end.fd, bytes, static_cast<std::size_t>(size), flags);
  if (sent < 0 && is_to_repeat()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_method() {
  BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cgisrv");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, &read);
  BIO_meth_set_write(method, &write);
  BIO_meth_set_ctrl(method, &control);
  return method;
}

}  // namespace

BIO* bio_of(SocketEnd& end) {
  static BIO_METHOD* const method = make_method();
  BIO* const bio = method != nullptr ? BIO_new(method) : nullptr;
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &end);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace cgisrv::tls
