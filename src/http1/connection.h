// One client's connection in HTTP/1.1 (RFC 9112): the wire of one exchange after the other.
//
//             first byte            head whole                 all sent
//     idle -----------> head ----------------> exchange -----------------> idle
//      ^                 |                      |      \  body not all read
//      |                 | refused              |       +----------------> discard --> idle
//      +-- keep-alive    +--> exchange (error)  |                             |
//                                               +--- must close --> linger <--+
//     From every state: closed, when the client is gone or a deadline has passed.
//
// There is an exchange in state exchange, and in no other.
#pragma once

#include <cgisrv/loop.h>

#include <memory>
#include <string_view>

#include "base/buffer.h"
#include "connection/client.h"
#include "connection/connection.h"
#include "exchange/exchange.h"
#include "exchange/wire.h"
#include "http1/body.h"
#include "http1/head.h"
#include "http1/writer.h"
#include "net/min_rate_timer.h"
#include "net/output.h"

namespace cgisrv::http1 {

class Server;

class Connection final : public connection::Connection, public exchange::Wire {
 public:
  Connection(Server& server, connection::Client client);

  void start() override;
  void drain() override;
  void close_after_next() override { last_is_next_ = true; }
  Clock::duration waited_for_client() const override;
  void close() override;

 private:
  enum class State : std::uint8_t { idle, head, exchange, discard, linger, closed };
  enum class Peer : std::uint8_t {
    open,         // it may send
    half_closed,  // it has shut its sending side, and may be gone
    reading_on,   // the same, but it has read something that was sent since
  };

  // HTTP/1.1's side of one exchange, and of what is left of its request's body.
  struct Message {
    BodyReader body;
    bool asked_for_body = false;              // the client knows that its body is wanted
    BodyFraming framing = BodyFraming::none;  // of the response
    bool keep_alive = false;                  // after it
    std::uint64_t sent_bytes = 0;
    std::uint64_t overhead_bytes = 0;  // bytes of head and framing among those written
  };

  // ---- states and events (connection.cc)
  void enter(State state);
  void advance();
  bool step();
  bool begins_http2() const;
  bool step_preface();
  bool step_head();
  bool step_discard();
  bool step_linger();
  void begin_exchange();
  void end_exchange();
  void drop_exchange();
  void refuse(int status, std::string_view reason);
  void input_due();
  void body_due();
  void output_due();
  void watch_half_close();
  void half_close_due();
  void resume();
  void resume_exchange();
  void socket_ready(std::uint32_t events);
  bool read_input();
  void send_output();
  bool closed() const { return state_ == State::closed; }

  // ---- exchange::Wire (connection_wire.cc)
  exchange::Client& client() override { return client_; }
  void open_body() override;
  std::string_view body() override;
  void consume(std::size_t bytes) override { message_.body.consume(input_, bytes); }
  bool body_complete() override;
  void discard_body() override;
  std::uint64_t body_received() const override { return message_.body.received(); }
  void respond(const http::Response& response, http::Content content) override;
  void respond_raw() override;
  std::size_t room() const override { return output_.room(); }
  void write(std::string_view bytes) override;
  void send_file(int file, std::uint64_t offset, std::uint64_t length) override;
  void flush() override { send_output(); }
  std::uint64_t content_sent() const override;
  void end() override;
  void abort() override;
  bool may_keep_alive(int status) const;

  Server& server_;
  connection::Client client_;
  net::Stream& stream_;  // the client's
  Watch watch_;
  Timer input_timer_;  // for the state's deadline
  net::MinRateTimer body_timer_;
  net::MinRateTimer send_timer_;
  Timer half_close_timer_;
  Timer resume_timer_;  // for work that must not run on the handler's stack, or not in this turn

  State state_ = State::idle;
  Peer peer_ = Peer::open;
  bool sent_since_half_close_ = false;
  bool advancing_ = false;
  bool readable_ = false;
  bool writable_ = true;
  bool input_ended_ = false;
  bool draining_ = false;
  bool last_is_next_ = false;
  unsigned requests_served_ = 0;
  Buffer input_;
  net::Output output_;

  std::size_t head_scanned_ = 0;
  http::Request request_;  // of the exchange; its memory is reused by the next one
  Message message_;        // the same, until its body is dropped
  std::unique_ptr<exchange::Exchange> exchange_;
};

}  // namespace cgisrv::http1
