// What brings an exchange its request and takes its response away: a connection of HTTP/1.1, a
// stream of another protocol, a script in a test. The exchange asks the wire for data, and the wire
// reports events to the exchange (see exchange.h).
//
// The wire alone knows how a head is written, where a body ends, whether the client expects 100
// Continue, what becomes of an unread body, whether another request may follow, and the client's
// time limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exchange/client.h"
#include "http/message.h"

namespace cgisrv::exchange {

// An exchange may call it until the wire has called delivered() or client_gone().
class Wire {
 public:
  virtual Client& client() = 0;

  // ---- the request's body
  // The handler wants it: asks the client for it where that is expected, and waits for it.
  virtual void open_body() = 0;
  // The bytes that have arrived, without framing; reads from the client if need be. Valid until
  // consume(). Empty: nothing is here now, or nothing is left. If the body turns out to be broken,
  // the wire calls body_failed(), possibly from within this call.
  virtual std::string_view body() = 0;
  virtual void consume(std::size_t bytes) = 0;
  virtual bool body_complete() = 0;  // everything has arrived and is consumed
  // Nobody wants the rest: reads and drops it, as long as Exchange::may_discard() allows.
  virtual void discard_body() = 0;
  virtual std::uint64_t body_received() const = 0;  // bytes so far

  // ---- the response
  // The head, once. `content` announces what will be written after it.
  virtual void respond(const http::Response& response, http::Content content) = 0;
  virtual bool takes_raw() const { return true; }
  // Instead, if so: the exchange writes a whole response of HTTP/1.1, head included, until its end.
  virtual void respond_raw() = 0;
  virtual std::size_t room() const = 0;  // bytes that write() should not exceed now
  virtual void write(std::string_view bytes) = 0;
  // After what was written; room() is 0 until it is sent. The file stays open until then.
  virtual void send_file(int file, std::uint64_t offset, std::uint64_t length) = 0;
  virtual void flush() = 0;
  // What a program says beside the response: a web server's own log may be for it. Else dropped.
  virtual void complain(std::string_view) {}
  virtual std::uint64_t content_sent() const = 0;  // bytes sent, without head and framing

  // ---- the end; each call may report the exchange's end before it returns
  virtual void end() = 0;    // the response is whole
  virtual void abort() = 0;  // the response is cut short, and the client must notice, after what
                             // was written
  virtual void close() = 0;  // the same, at once: the client is treated as gone

 protected:
  ~Wire() = default;
};

}  // namespace cgisrv::exchange
