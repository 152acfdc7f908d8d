// One client's connection in HTTP/2 (RFC 9113): nghttp2 between its socket and its streams.
//
//                       drain, a limit of requests              no stream is left
//     open -----------------------------------------> winding down ---------> lingering --> closed
//       |   GOAWAY that names no last stream; a second later,       |             ^
//       |   or once the client has heard it, one that does          |             |
//       +--- the client sends what nobody may, or too much of it: GOAWAY ---------+
//     From every state: closed, when the client is gone or a deadline has passed.
//
// nghttp2 calls us in the middle of its work. What it tells is noted there, and carried out after
// it has returned: so no handler ever runs inside of it.
#pragma once

#include <cgisrv/loop.h>
#include <nghttp2/nghttp2.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "connection/client.h"
#include "connection/connection.h"
#include "event/turn.h"
#include "http2/flood.h"
#include "http2/stream.h"
#include "net/min_rate_timer.h"
#include "telemetry/http2_counts.h"

namespace cgisrv::http2 {

class Session final : public connection::Connection {
 public:
  // `read`: what was read from the client already.
  Session(connection::Connections& connections, connection::Client client, std::string_view read);
  ~Session() override;

  void start() override;
  void drain() override { wind_down(); }
  void close_after_next() override { wind_down(); }
  Clock::duration waited_for_client() const override;
  // Tells the client which request was the last one, if that can be sent at once.
  void close() override;

  // ---- for streams
  Loop& loop() const;
  exchange::Host& host() const;
  const config::Limits& limits() const;
  connection::Client& client() { return client_; }
  const connection::Client& client() const { return client_; }
  const net::Address& address() const;
  nghttp2_session* protocol() const { return protocol_; }
  // Sends what is there, as far as the client takes it: at once, or together with what other
  // streams have in the same turn. May end exchanges, and the connection.
  void send();
  // Something is to be done that must not be done now.
  void go_on_later();
  // Bytes that the streams hold for their client beside what each may always hold.
  std::size_t shared_room() const;
  void note_held(std::ptrdiff_t bytes) { held_ += bytes; }
  // Its exchange begins, and is over.
  void stream_begins();
  void stream_over();
  // The server is about to end: so is this connection.
  void wind_down();

  // ---- for nghttp2 (session_protocol.cc)
  struct Callbacks;

 private:
  enum class State : std::uint8_t { open, lingering, closed };
  enum class End : std::uint8_t { none, announced, last_named };  // by GOAWAY

  void check_windows();
  bool make_protocol();
  bool send_settings();
  void socket_ready(std::uint32_t events);
  void resume();
  bool read_input();
  bool feed(std::string_view bytes);
  bool fill_output();
  net::Io::Status flush_output(std::uint64_t budget);
  void earn_delivered();
  void send_now();
  bool send_all();
  void tell_of_room();
  void check_streams();
  void carry_out(Turn& turn);
  bool may_begin();
  void settle();
  void update_use();
  void name_last();
  void calm(std::string_view problem);
  void say_goodbye(std::uint32_t code, std::string_view text);
  void send_goaway(std::uint32_t code, std::string_view text);
  void linger();
  void drop();
  void drop_streams();
  void note(Stream& stream);
  void input_due();
  void head_due();
  void output_due();
  bool is_open() const { return state_ == State::open; }
  void count(std::atomic<std::uint64_t> telemetry::Http2Counts::*what) const {
    if (auto* const counts = host().http2_counts()) ++(counts->*what);
  }
  void count_reset();

  connection::Client client_;
  nghttp2_session* protocol_ = nullptr;
  std::string early_;  // read before there was a session
  Watch watch_;
  Timer input_timer_;  // for the next request, or the end
  Timer head_timer_;   // for a head that has begun
  Timer resume_timer_;
  Timer last_timer_;  // for the second GOAWAY
  net::MinRateTimer send_timer_;

  State state_ = State::open;
  End end_ = End::none;
  bool is_resuming_ = false;
  bool is_gathering_ = false;  // resume() sends what streams have, all together
  bool has_left_ = false;      // the client: has shut its side, at least
  bool readable_ = false;
  bool writable_ = true;
  bool has_had_request_ = false;
  bool is_head_open_ = false;  // some of it has come
  bool is_announcement_heard_ = false;
  std::size_t trailer_bytes_ = 0;
  unsigned requests_ = 0;
  std::size_t running_ = 0;     // exchanges
  std::uint64_t lingered_ = 0;  // bytes that came after the end
  FloodGuard flood_;
  Buffer output_;
  std::uint64_t written_ = 0;    // to the socket
  std::uint64_t delivered_ = 0;  // of that, what the client's kernel had acknowledged
  std::uint64_t framed_ = 0;     // bytes of bodies
  std::uint64_t earned_ = 0;     // of those, what the client has been given time for
  std::ptrdiff_t held_ = 0;      // bytes that streams hold for their client
  std::list<std::unique_ptr<Stream>> streams_;
  std::deque<Stream*> noted_;            // whose news are to be carried out
  std::vector<Stream*> closed_streams_;  // by nghttp2, and still in streams_
};

}  // namespace cgisrv::http2
