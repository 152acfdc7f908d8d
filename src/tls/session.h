// TLS on one connection: the server's side, over a socket that never blocks.
//
//     handshake() -----> done:    everything that net::Transport says
//          |
//          +-----------> clear:   the client speaks no TLS; its bytes pass as they are, and
//                                 security() is null, so that nobody takes them for protected
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/transport.h"

struct ssl_st;
struct ssl_ctx_st;

namespace cgisrv::tls {

struct SocketEnd;

class Session final : public net::Transport {
 public:
  enum class Step : std::uint8_t { done, clear, reads, writes, failed };

  // Null without memory. The socket outlives it, or close() is called before.
  static std::unique_ptr<Session> make(ssl_ctx_st* context, int socket, bool offers_http2);
  ~Session() override;

  // Goes on as far as it can: reads, writes: until the socket is ready for that. Nothing else may
  // be called before it is done, or clear.
  Step handshake();
  // Of a handshake that has failed, for the log.
  const std::string& problem() const { return problem_; }
  // Whether the client has sent anything.
  bool has_begun() const;
  // The client has shaken hands before, and neither side has computed much.
  bool was_resumed() const;

  net::Io read(std::span<char> into) override;
  net::Io write(std::string_view bytes, bool more) override;
  net::Io send_file(int file, std::uint64_t offset, std::uint64_t length) override;
  bool holds_more() const override { return holds_more_; }
  bool has_unsent_end() const override { return end_ == End::wanted; }
  void finish_writing() override;
  void close(bool incomplete) override;
  const net::Security* security() const override { return security_ ? &*security_ : nullptr; }

 private:
  // Of what we send: its close_notify, without which the peer takes it for cut.
  enum class End : std::uint8_t { none, wanted, sent };

  Session(std::unique_ptr<SocketEnd> end, ssl_st* ssl);
  net::Io read_clear(std::span<char> into);
  net::Io read_after_end(std::span<char> into);
  net::Io read_record(std::span<char> into);
  net::Io outcome(int result);
  void send_end();

  const std::unique_ptr<SocketEnd> socket_;
  ssl_st* const ssl_;
  std::optional<net::Security> security_;  // from the handshake's end on
  std::string problem_;
  End end_ = End::none;
  bool holds_more_ = false;
  bool waits_to_write_ = false;  // the last call, whatever it was
  bool has_failed_ = false;
};

}  // namespace cgisrv::tls
