// One stream of a connection in HTTP/2 (RFC 9113): the wire of one exchange.
//
//     head ----> exchange ----> ended: what was written leaves as the client takes it ----> over
//        \           |                                                                     ^
//         \          +---> reset, by the client or by us; or the connection is gone -------+
//          +---> refused: an exchange that answers with an error
//
// nghttp2 counts a stream as open until both sides have ended it. So the end of a response is told
// when its exchange has ended, even where it has no content: as long as something runs for a
// stream, the stream counts against max_streams.
#pragma once

#include <cgisrv/loop.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "exchange/exchange.h"
#include "exchange/wire.h"
#include "http2/request_head.h"
#include "net/min_rate_timer.h"

namespace cgisrv::http2 {

class Session;

class Stream final : public exchange::Wire {
 public:
  static constexpr std::size_t output_bytes_max = 64 * 1024;
  // What it may hold however much the others of its connection do.
  static constexpr std::size_t output_bytes_min = 16 * 1024;

  Stream(Session& session, std::int32_t id);

  std::int32_t id() const { return id_; }
  RequestHead& head() { return head_; }

  // ---- what nghttp2 tells of it: noted, and acted upon by go_on()
  void head_complete(bool has_body);
  void body_arrived(std::string_view bytes);
  void body_ended() { input_ended_ = true; }
  void bad_trailers() { has_bad_trailers_ = true; }
  // The frame that ends the response was made.
  void end_framed() { is_end_framed_ = true; }
  // The client has added to its window. nghttp2 does not say what that is when it is negative.
  void window_given(std::uint32_t bytes) { window_given_ += bytes; }
  // Whether its window, which begins with so much, is more than there can be.
  bool overflows(std::uint32_t initial_window) const;
  // Both sides have ended it, or one has reset it. `position`: of its last byte in what the
  // connection sends.
  void closed(std::uint64_t position) {
    is_closed_ = true;
    end_position_ = position;
  }

  // ---- what nghttp2 asks for: the next frame of the response's body
  // Bytes that a frame of at most `most` may have, with the flags of its end; or an error.
  ssize_t offer(std::size_t most, std::uint32_t& flags);
  // Appends so many of them. False: they cannot be read.
  bool take(std::size_t bytes, std::string& to);

  // ---- from the session, never with a handler on the stack
  // Carries out what was noted: begins the exchange, or tells it.
  void go_on();
  // Instead of go_on(), when its head is whole: nothing is begun, and the client may ask again.
  void refuse();
  // Room for more, of which the exchange was waiting.
  void tell_of_room();
  // The connection is gone, or is treated as gone.
  void client_gone();

  // ---- from the session, at any time
  // So much of what the connection sends has left: ends the exchange if that was all of it.
  void sent(std::uint64_t position);
  // It was sent as far as its windows allow.
  void note_blocked(bool by_its_window);
  bool is_noted = false;                                  // the session will call go_on()
  std::list<std::unique_ptr<Stream>>::iterator position;  // in the session's list

  // Something that it cannot send without its client.
  bool has_output() const {
    return exchange_ && (!output_.empty() || file_left_ > 0 || (has_ended_ && !is_end_framed_));
  }
  // Its own window, by its client. Without that, what it has waits for other streams.
  bool is_window_shut() const;
  bool waits_for_room() const { return waits_for_room_ && exchange_ && room() > 0; }
  bool is_closed() const { return is_closed_; }
  bool is_end_framed() const { return is_end_framed_; }
  // Its head is whole, and no exchange was begun.
  bool is_new() const { return is_head_complete_ && !has_begun_ && !is_closed_; }
  // nghttp2 has forgotten it, and nothing goes on.
  bool is_over() const { return is_closed_ && !exchange_; }
  Clock::duration waited_for_client() const {
    return std::max(body_timer_.spent(), send_timer_.spent());
  }

 private:
  void begin();
  void prioritize(std::string_view field);
  void drop_exchange();
  void body_due();
  void send_due();
  void reset(std::uint32_t code);
  void end_by_reset();
  void submit(const http::Response& response, http::Content content);
  Refusal body_fault() const;
  void check_body();
  bool is_misdirected() const;

  // ---- exchange::Wire
  exchange::Client& client() override;
  void open_body() override;
  std::string_view body() override;
  void consume(std::size_t bytes) override;
  bool body_complete() override { return input_ended_ && input_.empty() && !body_fault(); }
  void discard_body() override;
  std::uint64_t body_received() const override { return shown_; }
  void respond(const http::Response& response, http::Content content) override;
  bool takes_raw() const override { return false; }
  void respond_raw() override;
  std::size_t room() const override;
  void write(std::string_view bytes) override;
  void send_file(int file, std::uint64_t offset, std::uint64_t length) override;
  void flush() override;
  std::uint64_t content_sent() const override { return framed_; }
  void end() override;
  void abort() override;
  void close() override;

  Session& session_;
  const std::int32_t id_;
  RequestHead head_;
  http::Request request_;
  std::unique_ptr<exchange::Exchange> exchange_;
  net::MinRateTimer body_timer_;
  net::MinRateTimer send_timer_;

  bool is_head_complete_ = false;
  bool has_begun_ = false;
  bool has_body_ = false;
  bool input_ended_ = false;
  bool is_closed_ = false;
  bool has_bad_trailers_ = false;
  bool has_responded_ = false;
  bool has_ended_ = false;  // its exchange has nothing more to write
  bool is_end_framed_ = false;
  bool waits_for_room_ = false;
  std::uint32_t reset_code_ = 0;  // its end must be a reset with this; 0: no
  std::uint64_t end_position_ = 0;
  std::optional<std::uint64_t> length_;  // of the body, as announced
  Buffer input_;
  std::uint64_t received_ = 0;
  std::uint64_t shown_ = 0;  // of that, to the exchange
  // Without content: sent at the exchange's end.
  struct Held {
    explicit Held(const http::Response& of) : response(of), date(of.date) { response.date = date; }
    http::Response response;
    std::string date;  // whose text is good for this turn alone
  };
  std::unique_ptr<Held> held_;
  Buffer output_;
  int file_ = -1;
  std::uint64_t file_offset_ = 0;
  std::uint64_t file_left_ = 0;
  std::uint64_t framed_ = 0;        // bytes of the response's body
  std::uint64_t window_given_ = 0;  // by WINDOW_UPDATE
};

}  // namespace cgisrv::http2
