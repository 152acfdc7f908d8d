// One client's connection: HTTP/1.1 on the outside, one exchange after the other on the inside.
//
//             first byte            head whole                 all sent
//     idle -----------> head ----------------> exchange -----------------> idle
//      ^                 |                      |      \  body not all read
//      |                 | refused              |       +----------------> discard --> idle
//      +-- keep-alive    +--> exchange (error)  |                             |
//                                               +--- must close --> linger <--+
//     From every state: closed, when the client is gone or a deadline has passed.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "account/account.h"
#include "base/buffer.h"
#include "cgi/environment.h"
#include "http/body.h"
#include "http/exchange.h"
#include "http/head.h"
#include "http/writer.h"
#include "net/output.h"
#include "net/patience.h"
#include "net/stream.h"
#include "server/config.h"
#include "telemetry/traffic.h"

namespace cgisrv::server {

class Service;

class Connection final : public http::Exchange {
 public:
  using Position = std::list<std::unique_ptr<Connection>>::iterator;

  Connection(Service& service, pool::Connection accepted);
  // Where the service keeps it; set once, before start().
  void set_position(Position position) { position_ = position; }
  Position position() const { return position_; }

  void start();
  // Graceful stop: ends after the exchange under way; at once when there is none.
  void drain();
  // Others serve: the next response says that the connection ends after it.
  void close_after_next() { last_is_next_ = true; }
  bool idle() const { return state_ == State::idle; }
  // Lets go of the client and of what runs for it. The object is freed after the batch.
  void close();

  // ---- http::Exchange
  const http::Request& request() const override { return request_; }
  std::string_view request_id() const override { return request_id_; }
  void open_body() override;
  std::string_view body() override;
  void consume(std::size_t bytes) override;
  bool body_complete() override;
  void discard_body() override;
  void respond(http::Response response) override;
  void respond_raw(int status) override;
  std::size_t room() const override;
  void write(std::string_view bytes) override;
  void send_file(int file, std::uint64_t offset, std::uint64_t length) override;
  std::uint64_t missing() const override;
  void flush() override;
  void charge(std::shared_ptr<account::Account> account) override;
  void finish() override;
  std::unique_ptr<http::Handler> leave() override;
  void abort() override;
  void fail(http::Failure failure) override;
  void redirect(std::string path_query, std::vector<http::Field> fields) override;

  // ---- for what answers
  const cgi::Endpoints& endpoints();
  bool shows_failures() const;
  void set_location(const Location& location);
  void set_script(std::string name, std::string filename);
  void limit_body(std::uint64_t bytes_max);

 private:
  enum class State : std::uint8_t { idle, head, exchange, discard, linger, closed };
  struct StateRow;
  static const StateRow& row(State state);

  // ---- states (connection.cc)
  void enter(State state);
  void advance();
  bool step();
  bool step_head();
  bool step_discard();
  bool step_linger();
  void begin_exchange();
  void end_exchange();
  void refuse(int status, std::string_view reason);
  void input_due(std::uint32_t);
  void body_due(std::uint32_t);
  void output_due(std::uint32_t);
  void watch_half_close();
  void half_close_due(std::uint32_t);
  void resume(std::uint32_t);
  void socket_ready(std::uint32_t events);
  bool read_input();
  void send_output();
  void wait_for_reader();
  void earn_delivered();

  // ---- the exchange (exchange.cc)
  void reset_exchange();
  void answer(std::unique_ptr<http::Handler> handler);
  void drop_handler();
  void take_body_fault();
  void note_body_fault(int status, std::string_view reason);
  bool may_keep_alive(http::BodyFraming framing) const;
  bool response_whole() const { return response_ended_ && output_.empty(); }
  bool closed() const { return state_ == State::closed; }
  void log_access();

  Service& service_;
  pool::Connection accepted_;  // peer, listener, seat; its socket has moved to stream_
  net::Stream stream_;
  Watch watch_;
  Position position_;
  Timer input_timer_;  // the state's deadline
  net::Patience body_patience_;
  net::Patience send_patience_;
  Timer half_close_timer_;
  Timer resume_timer_;  // work that must not be done on the handler's stack, or not this turn

  State state_ = State::idle;
  bool advancing_ = false;
  bool readable_ = false;
  bool writable_ = true;
  bool input_ended_ = false;
  bool peer_half_closed_ = false;
  bool sent_since_half_close_ = false;
  bool peer_reads_on_ = false;  // it has shut its sending side, and takes what is sent
  bool draining_ = false;
  bool last_is_next_ = false;
  unsigned requests_served_ = 0;
  Buffer input_;
  net::Output output_;
  std::uint64_t written_ = 0;    // to the socket, on this connection
  std::uint64_t delivered_ = 0;  // of that, what the client's kernel had when we last asked

  // ---- the exchange under way
  std::size_t head_scanned_ = 0;
  http::Request request_;
  std::string request_id_;
  std::string_view asked_method_;     // a local redirect may make another one of it
  std::string redirect_target_;       // storage of the target after a local redirect
  std::string redirect_url_;          // the path that was first asked for
  std::vector<http::Field> carried_;  // fields that a local redirect adds to the response
  http::BodyReader body_;
  std::uint64_t body_bytes_max_ = 0;
  bool body_open_ = false;
  bool body_discarded_ = false;
  int body_fault_status_ = 0;  // the body cannot be taken to its end: why
  std::string_view body_fault_reason_;
  std::unique_ptr<http::Handler> handler_;
  telemetry::TrafficRow* traffic_ = nullptr;  // who answers; null: nobody counts
  std::string script_name_;
  std::string script_filename_;
  std::string diagnosis_;                      // of an answer that failed
  std::shared_ptr<account::Account> account_;  // of the program that answers
  bool responded_ = false;
  bool response_ended_ = false;
  bool aborted_ = false;
  bool keep_alive_ = false;
  int status_ = 0;
  http::BodyFraming framing_ = http::BodyFraming::none;
  unsigned redirects_ = 0;
  std::optional<std::uint64_t> length_left_;  // of a response with Content-Length
  std::uint64_t bytes_sent_ = 0;              // of this exchange, everything
  std::uint64_t overhead_bytes_ = 0;          // head and framing among what was written
  TimePoint exchange_started_{};

  // Made when somebody asks: most connections are only waiting.
  struct Ends {
    std::string remote_address, remote_port, server_address, server_port;
    cgi::Endpoints view;
  };
  std::unique_ptr<Ends> ends_;
};

}  // namespace cgisrv::server
