#include "tls/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "tls/client_certificate.h"
#include "tls/openssl.h"
#include "tls/socket_end.h"

namespace cgisrv::tls {

using net::Io;

namespace {

constexpr std::size_t record_bytes = 16 * 1024;  // what one holds at most
// A read takes so many: they may hold a byte each.
constexpr unsigned records_max = 64;

// Of a call for a socket.
Io plain_outcome(ssize_t result) {
  if (result > 0) return {Io::Status::ok, static_cast<std::size_t>(result)};
  if (result == 0) return {Io::Status::ended, 0};
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? Io::Status::blocked : Io::Status::failed, 0};
}

bool speaks_http2(SSL* ssl) {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  return std::string_view(reinterpret_cast<const char*>(protocol), size) == "h2";
}

void count_messages(int is_written, int, int kind, const void*, std::size_t, SSL*, void* end) {
  if (is_written == 0 && kind == SSL3_RT_HANDSHAKE) ++static_cast<SocketEnd*>(end)->messages;
}

}  // namespace

std::unique_ptr<Session> Session::make(ssl_ctx_st* context, int socket, bool offers_http2) {
  auto end = std::make_unique<SocketEnd>();
  end->fd = socket;
  end->offers_http2 = offers_http2;
  SSL* const ssl = SSL_new(context);
  if (ssl == nullptr) return nullptr;
  BIO* const bio = bio_of(*end);
  if (bio == nullptr) {
    SSL_free(ssl);
    return nullptr;
  }
  SSL_set_bio(ssl, bio, bio);
  SSL_set_accept_state(ssl);
  SSL_set_app_data(ssl, end.get());
  SSL_set_msg_callback(ssl, &count_messages);
  SSL_set_msg_callback_arg(ssl, end.get());
  return std::unique_ptr<Session>(new Session(std::move(end), ssl));
}

Session::Session(std::unique_ptr<SocketEnd> end, ssl_st* ssl)
    : socket_(std::move(end)), ssl_(ssl) {}

Session::~Session() {
  SSL_free(ssl_);
}

bool Session::has_begun() const {
  return socket_->has_read;
}

bool Session::was_resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

// ---- the handshake -----------------------------------------------------------------------------

Session::Step Session::handshake() {
  socket_->is_drained = false;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (!socket_->clear.empty()) {
    holds_more_ = true;
    return Step::clear;
  }
  if (result != 1) {
    const int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_WANT_WRITE) return Step::writes;
    if (error == SSL_ERROR_WANT_READ && !socket_->has_ended) return Step::reads;
    problem_ = socket_->has_ended ? "the client has left" : last_problem();
    has_failed_ = true;
    return Step::failed;
  }
  security_ = net::Security{SSL_get_version(ssl_), SSL_get_cipher_name(ssl_),
                            socket_->named_host.value_or(""), speaks_http2(ssl_),
                            client_certificate_of(ssl_)};
  holds_more_ = true;  // the first request may have come with the handshake's last bytes
  return Step::done;
}

// ---- reading -----------------------------------------------------------------------------------

Io Session::read(std::span<char> into) {
  holds_more_ = false;
  if (end_ != End::none) return read_after_end(into);
  if (!security_) return read_clear(into);
  socket_->is_drained = false;
  socket_->messages = 0;
  std::size_t got = 0;
  for (unsigned records = 0; got < into.size() && records < records_max; ++records) {
    const Io io = read_record(into.subspan(got));
    if (io.status != Io::Status::ok) {
      // The end is told next time. And no event tells when a read that has to write can go on.
      holds_more_ = waits_to_write_ || (got > 0 && io.status != Io::Status::blocked);
      return got > 0 ? Io{Io::Status::ok, got} : io;
    }
    got += io.bytes;
  }
  holds_more_ = true;
  return {Io::Status::ok, got};
}

// A socket that ends without close_notify is a failure: what was sent may have been cut. The peer
// may still read.
Io Session::read_record(std::span<char> into) {
  if (has_failed_) return {Io::Status::failed, 0};
  ERR_clear_error();
  const auto room = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
  const Io io = outcome(SSL_read(ssl_, into.data(), room));
  has_failed_ |= socket_->messages > messages_max;
  const bool is_cut = has_failed_ || (io.status == Io::Status::blocked && socket_->has_ended);
  return is_cut ? Io{Io::Status::failed, 0} : io;
}

Io Session::read_clear(std::span<char> into) {
  if (socket_->clear.empty())
    return plain_outcome(::recv(socket_->fd, into.data(), into.size(), 0));
  const std::size_t size = std::min(into.size(), socket_->clear.size());
  socket_->clear.copy(into.data(), size);
  socket_->clear.erase(0, size);
  holds_more_ = true;
  return {Io::Status::ok, size};
}

// Whoever has ended their side only waits for the other end. What still comes is not decrypted.
Io Session::read_after_end(std::span<char> into) {
  finish_writing();
  return plain_outcome(::recv(socket_->fd, into.data(), into.size(), 0));
}

Io Session::outcome(int result) {
  waits_to_write_ = false;
  if (result > 0) return {Io::Status::ok, static_cast<std::size_t>(result)};
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_WRITE:
      waits_to_write_ = true;
      [[fallthrough]];
    case SSL_ERROR_WANT_READ:
      return {Io::Status::blocked, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Io::Status::ended, 0};
    default:
      has_failed_ = true;
      ERR_clear_error();
      return {Io::Status::failed, 0};
  }
}

// ---- writing -----------------------------------------------------------------------------------

Io Session::write(std::string_view bytes, bool more) {
  if (!security_)
    return plain_outcome(::send(socket_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  if (has_failed_ || end_ != End::none) return {Io::Status::failed, 0};
  const std::size_t size = std::min(bytes.size(), record_bytes);
  socket_->joins_packets = more || size < bytes.size();
  ERR_clear_error();
  const Io io = outcome(SSL_write(ssl_, bytes.data(), static_cast<int>(size)));
  socket_->joins_packets = false;
  return io.status == Io::Status::ended ? Io{Io::Status::failed, 0} : io;
}

// What could not be sent is read anew, though OpenSSL has it in encrypted form already: it only
// looks at the size.
Io Session::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  std::array<char, record_bytes> bytes;
  const ssize_t got = ::pread(file, bytes.data(), std::min<std::uint64_t>(length, bytes.size()),
                              static_cast<off_t>(offset));
  if (got <= 0) return {Io::Status::failed, 0};
  const auto size = static_cast<std::size_t>(got);
  return write({bytes.data(), size}, size < length);
}

// ---- the end -----------------------------------------------------------------------------------

void Session::send_end() {
  if (security_ && !has_failed_) {
    ERR_clear_error();
    const int result = SSL_shutdown(ssl_);
    if (result < 0 && SSL_get_error(ssl_, result) == SSL_ERROR_WANT_WRITE) return;
    ERR_clear_error();
  }
  end_ = End::sent;
}

void Session::finish_writing() {
  if (end_ == End::sent) return;
  end_ = End::wanted;
  send_end();
  if (end_ == End::sent) ::shutdown(socket_->fd, SHUT_WR);
}

void Session::close(bool incomplete) {
  if (!incomplete && end_ != End::sent) send_end();
  end_ = End::sent;
  has_failed_ = true;
}

}  // namespace cgisrv::tls
