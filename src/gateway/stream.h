// One request of a web server: the wire of one exchange.
//
//     parameters ----> exchange ----> ended: what was written leaves as it is taken ----> over
//         \                |                                                              ^
//          \               +---> aborted by the web server, or it is gone ----------------+
//           +---> refused: an exchange that answers with an error
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "exchange/exchange.h"
#include "exchange/gateway.h"
#include "exchange/wire.h"
#include "gateway/params.h"
#include "net/min_rate_timer.h"

namespace cgisrv::gateway {

class Session;

class Stream final : public exchange::Wire, private exchange::Client {
 public:
  static constexpr std::size_t input_bytes_max = 256 * 1024;  // of a body that is not yet taken
  static constexpr std::size_t held_bytes_max = 128 * 1024;   // of a response before that
  static constexpr std::size_t rest_bytes_max = 256 << 20;    // of a body that nobody wants

  Stream(Session& session, std::uint16_t id);

  std::uint16_t id() const { return id_; }

  // ---- what comes: noted, and acted upon by go_on()
  void head_complete(std::span<const Param> params);
  // Instead: what is wrong with them.
  void refuse(Refusal refusal);
  void body_arrived(std::string_view bytes);
  void body_ended();
  void abort_asked();

  bool is_head_complete() const { return is_head_complete_; }
  bool is_refused() const { return static_cast<bool>(refusal_); }
  bool is_body_ended() const { return input_ended_; }
  // What is left of the announced length; nothing: none was announced.
  std::optional<std::uint64_t> body_left() const;

  // ---- from the session, never with a handler on the stack
  void go_on();
  // Room for more, of which the exchange was waiting.
  void tell_of_room();
  // The connection is gone, or is treated as gone.
  void client_gone();

  // ---- from the session, at any time
  // So much of what the connection sends has left: ends the exchange if that was all of it.
  void sent(std::uint64_t position);
  bool waits_for_room() const;
  bool has_news() const { return has_news_ && (exchange_ || !has_begun_) && is_ready(); }
  bool has_begun() const { return has_begun_; }
  // A request of which something is still to come before it can begin.
  bool is_in_head() const { return !has_begun_ && !is_closed_; }
  TimePoint began() const { return began_; }
  // The web server expects nothing more of it.
  bool is_closed() const { return is_closed_; }
  bool is_over() const { return is_closed_ && !exchange_; }
  bool has_complained() const { return has_complained_; }
  bool is_full() const { return input_.size() >= input_bytes_max; }
  Clock::duration waited_for_client() const { return body_timer_.spent(); }

 private:
  bool is_ready() const;
  void begin();
  std::string_view refused_line();
  void drop_exchange();
  void body_due();
  std::string_view body_fault() const;
  void check_body();
  void go_on_with_body();
  bool is_body_to_come() const;
  bool awaits_rest() const;
  bool holds_back() const;
  void rest_due();
  void put(std::string_view bytes);
  void let_out();
  bool send_part_of_file();
  void send_file_on();
  void write_end();

  // ---- exchange::Client: whom the web server names
  const cgi::Endpoints& endpoints() override { return gateway_.endpoints; }
  exchange::Reach reach() const override;
  access::Peer peer() const override { return gateway_.client; }
  std::string_view proxy_address() const override { return web_server_; }
  const exchange::Gateway* gateway() const override { return &gateway_; }

  // ---- exchange::Wire
  exchange::Client& client() override { return *this; }
  void open_body() override;
  std::string_view body() override;
  void consume(std::size_t bytes) override;
  bool body_complete() override;
  void discard_body() override;
  std::uint64_t body_received() const override { return shown_; }
  void respond(const http::Response& response, http::Content content) override;
  bool takes_raw() const override { return false; }
  void respond_raw() override;
  std::size_t room() const override;
  void write(std::string_view bytes) override;
  void send_file(int file, std::uint64_t offset, std::uint64_t length) override;
  void flush() override;
  void complain(std::string_view bytes) override;
  std::uint64_t content_sent() const override { return content_; }
  void end() override;
  void abort() override;
  void close() override;

  Session& session_;
  const std::uint16_t id_;
  const TimePoint began_;
  std::string web_server_;  // its address, for the log
  exchange::Gateway gateway_;
  http::Request request_;
  Refusal refusal_;
  std::unique_ptr<exchange::Exchange> exchange_;
  net::MinRateTimer body_timer_;
  Timer rest_timer_;  // for the rest of a body that nobody wants

  bool is_head_complete_ = false;
  bool has_begun_ = false;
  bool has_news_ = false;
  bool is_unsized_ = false;  // the body: it ends with its stream
  bool input_ended_ = false;
  bool is_abort_asked_ = false;
  bool has_ended_ = false;   // its exchange has nothing more to write
  bool is_whole_ = true;     // what it has written
  bool is_shown_ = false;    // something of that has left
  bool has_waited_ = false;  // for the rest of the body, long enough
  bool is_end_written_ = false;
  bool has_complained_ = false;
  bool is_closed_ = false;
  bool waits_for_room_ = false;
  std::uint64_t end_position_ = 0;
  Buffer input_;
  std::uint64_t received_ = 0;
  std::uint64_t shown_ = 0;  // of that, to the exchange
  // nginx sends no more of a body once it has passed the response's head on, and Apache reads no
  // more of a response before its client has sent more of the body, which some clients do not do
  // once they have seen that it has failed. So what is written before all of the body has come is
  // held back, as long as there is room for it; and what nobody wants of the body is awaited.
  std::string held_;
  int file_ = -1;
  std::uint64_t file_offset_ = 0;
  std::uint64_t file_left_ = 0;
  std::uint64_t content_ = 0;  // bytes of the response's body
};

}  // namespace cgisrv::gateway
