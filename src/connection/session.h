// A client's connection that carries exchanges by streams, one after the other or at a time: what
// HTTP/2, FastCGI and SCGI have in common. It has the client's socket, its deadlines and its end;
// the protocol knows what comes, what is sent, and the streams.
//
//     open ------> lingering: all is sent, and the client may still send
//       |               |
//       +---------------+--> closed: the client is gone, or a deadline has passed
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "config/limits.h"
#include "connection/client.h"
#include "connection/connection.h"
#include "event/turn.h"
#include "exchange/host.h"
#include "net/min_rate_timer.h"

namespace cgisrv::connection {

class Session : public Connection {
 public:
  Clock::duration waited_for_client() const override;
  void close() override { drop(); }

  // ---- for streams
  Loop& loop() const;
  exchange::Host& host() const;
  const config::Limits& limits() const;
  Client& client() { return client_; }
  // Something is to be done that must not be done now.
  void go_on_later();
  // Logs what its client has done wrong. The next such line of any client may be a while away.
  void tell_of_client(log::Level level, std::string_view line);

 protected:
  static constexpr std::size_t turn_bytes_max = 1 << 20;  // sent in one turn

  // `linger_bytes_max`: that are read after the end.
  Session(Connections& connections, Client client, std::uint64_t linger_bytes_max);

  // First. False: the client cannot be watched.
  bool watch_client();
  // Reads once, and passes on what has come. Returns whether anything has.
  bool read_input();
  // Whether one more stream may run: those beside the first take a place as a connection does. Each
  // that may begins and ends.
  bool may_begin();
  void stream_begins() { ++running_; }
  void stream_ends();
  // Counts a request. Whether it is the last one that keepalive_requests allows.
  bool is_last_request() { return ++requests_ >= limits().keepalive_requests; }
  // The client has earned time by what it has taken.
  virtual void earn() { send_timer_.earn(client_.stream.newly_acknowledged()); }
  // After sending: whether the client has to take something.
  void wait_for_client(bool waits);
  void change_use(Use now);
  // All is sent.
  void linger();
  // Drops the client at once.
  void drop();

  bool is_open() const { return state_ == State::open; }
  bool is_resuming() const { return is_resuming_; }  // which settles in the end
  std::uint64_t written() const { return client_.stream.written(); }

  Client client_;
  Timer head_timer_;  // for a head that has begun
  net::MinRateTimer send_timer_;
  bool readable_ = false;
  bool writable_ = true;
  bool has_had_request_ = false;

 private:
  enum class State : std::uint8_t { open, lingering, closed };

  // ---- what a protocol does
  // Reads and sends once, never with a handler on the stack. Returns whether more may have come.
  virtual bool go_on(Turn& turn) = 0;
  virtual void received(std::string_view bytes) = 0;
  // Frees what is over, and goes on to the next state if that is due.
  virtual void settle() = 0;
  virtual void input_due() = 0;
  virtual void head_due() = 0;
  virtual Clock::duration waited_for_streams() const = 0;
  // The client is gone for all of them.
  virtual void drop_streams() = 0;

  void socket_ready(std::uint32_t events);
  void resume();
  void output_due();

  Watch watch_;
  Timer input_timer_;  // for the next request, or the end
  Timer resume_timer_;
  State state_ = State::open;
  bool is_resuming_ = false;
  bool has_left_ = false;  // the client: has shut its side, at least
  unsigned requests_ = 0;
  std::size_t running_ = 0;     // streams
  std::uint64_t linger_bytes_;  // that are still read after the end
};

}  // namespace cgisrv::connection
