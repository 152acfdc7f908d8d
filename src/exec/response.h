// A response as a client reads it, RFC 9112 sections 4 to 7. Lenient: nph- programs write their
// own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "exec/bounded_capture.h"
#include "http1/chunked.h"

namespace cgisrv::exec {

// Interim responses (1xx) are dropped.
class Response {
 public:
  explicit Response(bool to_head = false) : to_head_(to_head) {}

  void feed(std::string_view bytes);
  // The connection has ended.
  void end();

  bool over() const { return state_ == State::over; }
  // It ended where its framing says.
  bool whole() const { return whole_; }
  int status() const { return status_; }                // 0: none
  std::string_view head() const { return head_; }       // without the empty line; line ends as sent
  const BoundedCapture& body() const { return body_; }  // without chunks

 private:
  enum class State : std::uint8_t { head, body, over };
  static constexpr std::size_t head_bytes_max = 20 << 20;  // response_header_size, and ours

  bool take_head();
  void read_fields();
  void take_body();
  void finish(bool whole);

  bool to_head_;
  State state_ = State::head;
  Buffer input_;
  std::string head_;
  int status_ = 0;
  std::optional<std::uint64_t> length_left_;
  std::optional<http1::ChunkedDecoder> chunks_;
  BoundedCapture body_;
  bool whole_ = false;
};

}  // namespace cgisrv::exec
