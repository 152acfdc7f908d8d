// One web server's connection, by FastCGI or SCGI: what both have in common. It moves bytes between
// its socket and its streams; a protocol finds the streams in what comes, and frames what they
// send. It lingers when no stream is left, and no other may follow.
//
// There are no windows: a stream whose body nobody takes holds up to input_bytes_max of it, and
// then the connection is read no further, for all of its streams.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "config/listener_options.h"
#include "connection/session.h"
#include "gateway/stream.h"
#include "net/output.h"

namespace cgisrv::gateway {

class Session : public connection::Session {
 public:
  Session(connection::Connections& connections, connection::Client client,
          const config::ListenerOptions& listen);

  void start() override;
  void drain() override;
  void close_after_next() override { drain(); }

  // ---- for streams
  const config::ListenerOptions& listen() const { return listen_; }
  std::size_t room() const { return output_.room(); }
  // So many bytes of the connection have been written, with those that have not left yet.
  std::uint64_t position() const { return written() + output_.size(); }
  // Appends to what is sent next.
  void write_content(const Stream& stream, std::string_view bytes);
  void write_errors(const Stream& stream, std::string_view bytes);
  void write_end(const Stream& stream, bool is_whole);
  // Sends what is there, as far as the web server takes it. May end exchanges, and the connection.
  void send();
  // A response was cut short, which no other sign would tell.
  void cut(Stream& stream);

 protected:
  // ---- for protocols
  // Null: there is none.
  Stream* find(std::uint16_t id);
  // After may_begin().
  Stream& begin(std::uint16_t id);
  std::size_t count() const;  // of those that are not over
  std::string& output() { return output_.back(); }
  // Once all streams are over.
  void close_at_end() { closes_at_end_ = true; }
  bool closes_at_end() const { return closes_at_end_; }

 private:
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

  // ---- connection::Session
  bool go_on(Turn& turn) override;
  void received(std::string_view bytes) override;
  void settle() override;
  void input_due() override;
  void head_due() override;
  Clock::duration waited_for_streams() const override;
  void drop_streams() override;

  void note(std::string_view problem, std::string_view first);
  void tell_streams(Turn& turn);
  bool watch_heads();
  void update_use();
  bool may_go_on() const;
  bool is_full() const;

  const config::ListenerOptions& listen_;
  bool has_had_input_ = false;
  bool closes_at_end_ = false;
  bool is_cut_ = false;  // the end has to show that
  net::Output output_;
  std::list<std::unique_ptr<Stream>> streams_;
};

}  // namespace cgisrv::gateway
