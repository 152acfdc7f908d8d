// Both directions of a connection of HTTP/2 as its client sees them: the frames, and what they say
// of each stream. Shares nghttp2's reader of compressed fields with the server, and nothing else.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"

namespace cgisrv::fuzz {

struct Frame {
  static constexpr std::size_t head_bytes = 9;
  static constexpr unsigned end_stream = NGHTTP2_FLAG_END_STREAM;
  static constexpr unsigned end_headers = NGHTTP2_FLAG_END_HEADERS;

  unsigned type = 0;
  unsigned flags = 0;
  std::uint32_t stream = 0;
  std::string_view payload;
  std::string_view bytes;  // all of it
};

inline std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char c : bytes)
    number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

// One frame off the front of `stream`, or nothing when it is not all there.
inline std::optional<Frame> take_frame(std::string_view& stream) {
  if (stream.size() < Frame::head_bytes) return {};
  const std::size_t size = number_of(stream.substr(0, 3));
  if (stream.size() - Frame::head_bytes < size) return {};
  Frame frame{.type = number_of(stream.substr(3, 1)),
              .flags = number_of(stream.substr(4, 1)),
              .stream = number_of(stream.substr(5, 4)) & 0x7fff'ffff,
              .payload = stream.substr(Frame::head_bytes, size),
              .bytes = stream.substr(0, Frame::head_bytes + size)};
  stream.remove_prefix(frame.bytes.size());
  return frame;
}

// What a client has asked for and allowed, so far as its frames are whole.
struct Asked {
  struct Stream {
    bool has_ended = false;
    bool was_reset = false;
    std::int64_t window = 0;  // what was given beside the initial one
  };
  std::map<std::uint32_t, Stream> streams;
  std::int64_t window = 65'535;
  std::int64_t initial_window = 65'535;
};

inline Asked read_asked(std::string_view stream) {
  Asked asked;
  while (const auto frame = take_frame(stream)) {
    const bool ends = (frame->flags & Frame::end_stream) != 0;
    if (frame->type == NGHTTP2_HEADERS || (frame->type == NGHTTP2_DATA && frame->stream != 0))
      asked.streams[frame->stream].has_ended |= ends;
    if (frame->type == NGHTTP2_RST_STREAM) asked.streams[frame->stream].was_reset = true;
    if (frame->type == NGHTTP2_WINDOW_UPDATE && frame->payload.size() == 4)
      (frame->stream == 0 ? asked.window : asked.streams[frame->stream].window) +=
          number_of(frame->payload) & 0x7fff'ffff;
    if (frame->type != NGHTTP2_SETTINGS || (frame->flags & NGHTTP2_FLAG_ACK) != 0) continue;
    for (auto rest = frame->payload; rest.size() >= 6; rest.remove_prefix(6))
      if (number_of(rest.substr(0, 2)) == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)
        asked.initial_window = number_of(rest.substr(2, 4));
  }
  return asked;
}

// What a server has answered on one stream.
struct Answer {
  int status = 0;                     // 0: none yet
  std::optional<std::size_t> number;  // X-Number: which of the requests it answers
  std::string body;
  bool has_ended = false;
  bool was_reset = false;
};

struct Answers {
  std::map<std::uint32_t, Answer> streams;
  std::int64_t body_bytes = 0;
  bool is_going_away = false;
};

class AnswerReader {
 public:
  AnswerReader() { CGISRV_CHECK(nghttp2_hd_inflate_new(&fields_) == 0); }
  AnswerReader(const AnswerReader&) = delete;
  AnswerReader& operator=(const AnswerReader&) = delete;
  ~AnswerReader() { nghttp2_hd_inflate_del(fields_); }

  // Checks what every client may rely on.
  Answers read(std::string_view stream) {
    for (bool is_first = true; const auto frame = take_frame(stream); is_first = false) {
      CGISRV_CHECK(!is_first || (frame->type == NGHTTP2_SETTINGS && frame->flags == 0));
      CGISRV_CHECK(open_head_ == 0 ||
                   (frame->type == NGHTTP2_CONTINUATION && frame->stream == open_head_));
      take(*frame);
    }
    return std::move(answers_);
  }

 private:
  void take(const Frame& frame) {
    if (frame.type == NGHTTP2_GOAWAY) answers_.is_going_away = true;
    if (frame.type == NGHTTP2_RST_STREAM) {
      Answer& answer = answers_.streams[frame.stream];
      CGISRV_CHECK(!answer.was_reset);
      answer.was_reset = true;
    }
    if (frame.type == NGHTTP2_CONTINUATION || frame.type == NGHTTP2_HEADERS) take_head(frame);
    if (frame.type == NGHTTP2_DATA) take_body(frame);
  }

  void take_head(const Frame& frame) {
    Answer& answer = answers_.streams[frame.stream];
    CGISRV_CHECK(!answer.has_ended && !answer.was_reset && answer.status / 100 <= 1);
    CGISRV_CHECK((frame.flags & (NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY)) == 0);
    if (frame.type == NGHTTP2_HEADERS) ends_stream_ = (frame.flags & Frame::end_stream) != 0;
    head_ += frame.payload;
    open_head_ = frame.stream;
    if ((frame.flags & Frame::end_headers) == 0) return;
    open_head_ = 0;
    read_fields(answer);
    head_.clear();
    CGISRV_CHECK(answer.status >= 200 || !ends_stream_);
    answer.has_ended = ends_stream_;
  }

  void read_fields(Answer& answer) {
    answer.status = 0;
    const auto* next = reinterpret_cast<const std::uint8_t*>(head_.data());
    std::size_t left = head_.size();
    for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
      nghttp2_nv field;
      const auto taken = nghttp2_hd_inflate_hd2(fields_, &field, &flags, next, left, 1);
      CGISRV_CHECK(taken >= 0);
      next += taken;
      left -= static_cast<std::size_t>(taken);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) continue;
      const std::string_view name(reinterpret_cast<const char*>(field.name), field.namelen);
      const std::string value(reinterpret_cast<const char*>(field.value), field.valuelen);
      if (name == ":status") answer.status = std::stoi(value);
      if (name == "x-number") answer.number = std::stoul(value);
    }
    nghttp2_hd_inflate_end_headers(fields_);
    CGISRV_CHECK(answer.status >= 100 && answer.status < 600);
  }

  void take_body(const Frame& frame) {
    Answer& answer = answers_.streams[frame.stream];
    CGISRV_CHECK(answer.status >= 200 && !answer.has_ended && !answer.was_reset);
    CGISRV_CHECK((frame.flags & NGHTTP2_FLAG_PADDED) == 0);
    answer.body += frame.payload;
    answer.has_ended = (frame.flags & Frame::end_stream) != 0;
    answers_.body_bytes += static_cast<std::int64_t>(frame.payload.size());
  }

  nghttp2_hd_inflater* fields_ = nullptr;
  Answers answers_;
  std::string head_;
  std::uint32_t open_head_ = 0;  // of this stream; 0: none
  bool ends_stream_ = false;
};

}  // namespace cgisrv::fuzz
