// One web server's connection, by FastCGI or SCGI: what both have in common. It moves bytes between
// its socket and its streams; a protocol finds the streams in what comes, and frames what they
// send.
//
//     open ----------------------------> lingering: all is sent, and the web server may still send
//       |   no stream is left, and no        |
//       |   other may follow                 v
//       +-------------------------------> closed: it has left, or a deadline has passed
//
// There are no windows: a stream whose body nobody takes holds up to input_bytes_max of it, and
// then the connection is read no further, for all of its streams.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "config/config.h"
#include "connection/client.h"
#include "connection/connection.h"
#include "event/turn.h"
#include "gateway/stream.h"
#include "net/min_rate_timer.h"
#include "net/output.h"

namespace cgisrv::gateway {

class Session : public connection::Connection {
 public:
  Session(connection::Connections& connections, connection::Client client,
          const config::Listen& listen);

  void start() override;
  void drain() override;
  void close_after_next() override { drain(); }
  Clock::duration waited_for_client() const override;
  void close() override;

  // ---- for streams
  Loop& loop() const;
  exchange::Host& host() const;
  const config::Limits& limits() const;
  const config::Listen& listen() const { return listen_; }
  connection::Client& client() { return client_; }
  const net::Address& address() const;
  std::size_t room() const { return output_.room(); }
  // So many bytes of the connection have been written, with those that have not left yet.
  std::uint64_t position() const { return written_ + output_.size(); }
  // Appends to what is sent next.
  void write_content(const Stream& stream, std::string_view bytes);
  void write_errors(const Stream& stream, std::string_view bytes);
  void write_end(const Stream& stream, bool is_whole);
  // Sends what is there, as far as the web server takes it. May end exchanges, and the connection.
  void send();
  // Something is to be done that must not be done now.
  void go_on_later();
  // A response was cut short, which no other sign would tell.
  void cut(Stream& stream);

 protected:
  // ---- for protocols
  // Null: there is none.
  Stream* find(std::uint16_t id);
  // Whether one more may run: those beside the first take a place as a connection does. If so,
  // begin() follows.
  bool has_place_for_one();
  Stream& begin(std::uint16_t id);
  std::size_t count() const;  // of those that are not over
  std::string& output() { return output_.back(); }
  // Once all streams are over.
  void close_at_end() { closes_at_end_ = true; }
  bool closes_at_end() const { return closes_at_end_; }

 private:
  enum class State : std::uint8_t { open, lingering, closed };

  // Takes what has come. Why it cannot be read; empty: it can. Static storage.
  virtual std::string_view take(std::string_view bytes) = 0;
  // Less than a whole request has come, of which no stream knows.
  virtual bool is_in_head() const = 0;
  // What append_end() appends tells a response that is whole from one that is not.
  virtual bool shows_end() const = 0;
  virtual void append_content(std::string& to, const Stream& stream, std::string_view bytes) = 0;
  // Of programs, for the web server's log; nothing where the protocol has no way for it.
  virtual void append_errors(std::string& /*to*/, const Stream& /*stream*/,
                             std::string_view /*bytes*/) {}
  virtual void append_end(std::string& to, const Stream& stream, bool is_whole) = 0;
  // Shows that a response is cut, if the protocol has a way, before the connection ends.
  virtual void append_break(std::string& /*to*/) {}

  void socket_ready(std::uint32_t events);
  void resume();
  bool read_input();
  void note(std::string_view problem, std::string_view first);
  void tell_streams(Turn& turn);
  void check_streams();
  void settle();
  bool watch_heads();
  void update_use();
  void give_place_back();
  bool may_go_on() const;
  bool is_full() const;
  void end();
  void drop_streams();
  void input_due();
  void head_due();
  void output_due();
  void earn_delivered();
  bool is_open() const { return state_ == State::open; }

  connection::Client client_;
  const config::Listen& listen_;
  Watch watch_;
  Timer input_timer_;  // for the next request, or the end
  Timer head_timer_;   // for a head that has begun
  Timer resume_timer_;
  net::MinRateTimer send_timer_;

  State state_ = State::open;
  bool is_resuming_ = false;
  bool readable_ = false;
  bool writable_ = true;
  bool has_had_input_ = false;
  bool has_had_request_ = false;
  bool closes_at_end_ = false;
  bool is_cut_ = false;  // the end has to show that
  unsigned requests_ = 0;
  std::size_t places_ = 0;      // taken for streams beside the first
  std::uint64_t lingered_ = 0;  // bytes that came after the end
  net::Output output_;
  std::uint64_t written_ = 0;    // to the socket
  std::uint64_t delivered_ = 0;  // of that, what the web server's kernel had acknowledged
  std::list<std::unique_ptr<Stream>> streams_;
};

}  // namespace cgisrv::gateway
