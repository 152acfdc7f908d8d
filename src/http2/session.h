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
#include "connection/session.h"
#include "http2/flood.h"
#include "http2/stream.h"
#include "telemetry/http2_counts.h"

namespace cgisrv::http2 {

class Session final : public connection::Session {
 public:
  // `read`: what was read from the client already.
  Session(connection::Connections& connections, connection::Client client, std::string_view read);
  ~Session() override;

  void start() override;
  void drain() override { wind_down(); }
  void close_after_next() override { wind_down(); }
  // Tells the client which request was the last one, if that can be sent at once.
  void close() override;

  // ---- for streams
  nghttp2_session* protocol() const { return protocol_; }
  // Sends what is there, as far as the client takes it: at once, or together with what other
  // streams have in the same turn. May end exchanges, and the connection.
  void send();
  // Bytes that the streams hold for their client beside what each may always hold.
  std::size_t shared_room() const;
  void note_held(std::ptrdiff_t bytes) { held_ += bytes; }
  // Its exchange begins, and is over.
  void exchange_begins();
  void exchange_over() { stream_ends(); }
  // The server is about to end: so is this connection.
  void wind_down();

  // ---- for nghttp2 (session_protocol.cc)
  struct Callbacks;

 private:
  enum class End : std::uint8_t { none, announced, last_named };  // by GOAWAY

  // ---- connection::Session
  bool go_on(Turn& turn) override;
  void received(std::string_view bytes) override;
  void settle() override;
  void input_due() override;
  void head_due() override;
  void earn() override;
  Clock::duration waited_for_streams() const override;
  void drop_streams() override;

  void check_windows();
  bool make_protocol();
  bool send_settings();
  bool fill_output();
  net::Io::Status flush_output(std::uint64_t budget);
  void send_now();
  bool send_all();
  void tell_of_room();
  void check_streams();
  void carry_out(Turn& turn);
  void update_use();
  void name_last();
  void calm(std::string_view problem);
  void say_goodbye(std::uint32_t code, std::string_view text);
  void send_goaway(std::uint32_t code, std::string_view text);
  void note(Stream& stream);
  void count(std::atomic<std::uint64_t> telemetry::Http2Counts::*what) const {
    if (auto* const counts = host().http2_counts()) ++(counts->*what);
  }
  void count_reset();

  nghttp2_session* protocol_ = nullptr;
  std::string early_;  // read before there was a session
  Timer last_timer_;   // for the second GOAWAY

  End end_ = End::none;
  bool is_gathering_ = false;  // go_on() sends what streams have, all together
  bool is_head_open_ = false;  // some of it has come
  bool is_announcement_heard_ = false;
  std::size_t trailer_bytes_ = 0;
  FloodGuard flood_;
  Buffer output_;
  std::uint64_t framed_ = 0;  // bytes of bodies
  std::uint64_t earned_ = 0;  // of those, what the client has been given time for
  std::ptrdiff_t held_ = 0;   // bytes that streams hold for their client
  std::list<std::unique_ptr<Stream>> streams_;
  std::deque<Stream*> noted_;            // whose news are to be carried out
  std::vector<Stream*> closed_streams_;  // by nghttp2, and still in streams_
};

}  // namespace cgisrv::http2
