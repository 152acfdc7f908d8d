#include "http1/chunked.h"

#include <algorithm>

#include "base/text.h"
#include "http/octets.h"

namespace cgisrv::http1 {

using http::field_bytes;
using http::token_bytes;

//   size_start ─► size ─► extensions ─► size_lf ─► data ─► data_cr ─► data_lf ─► size_start
//   after size 0:                       size_lf ─► trailer ─► last_lf ─► complete
//                                                  └► trailer_name ─► trailer_value ─► trailer_lf
//   extensions, RFC 9112 section 7.1.1, blanks where it allows them:
//     before_semicolon ─► name_start ─► name ─► after_name ─► value_start ─► value
//                                                             └► quoted ─► quoted_end
//
// A byte that fits none of these: malformed, for good.
enum class ChunkedDecoder::Phase : std::uint8_t {
  size_start,
  size,
  before_semicolon,
  name_start,
  name,
  after_name,
  value_start,
  value,
  quoted,
  quoted_pair,
  quoted_end,
  size_lf,
  data,
  data_cr,
  data_lf,
  trailer,
  trailer_name,
  trailer_value,
  trailer_lf,
  last_lf,
  complete,
  malformed,
};

namespace {
// Inside quotes, except these and the backslash that begins a pair.
constexpr http::ByteSet quoted_bytes = field_bytes.without("\"\\");
}  // namespace

ChunkedDecoder::Phase ChunkedDecoder::refuse(std::string_view problem) {
  problem_ = problem;
  return Phase::malformed;
}

// The phase after `c`, a byte of framing.
ChunkedDecoder::Phase ChunkedDecoder::after(char c) {
  using enum Phase;
  if (phase_ <= size) return after_size(c);
  if (phase_ < size_lf) return in_extension(c);
  if (phase_ >= trailer) return in_trailer(c);
  if (phase_ == size_lf) {
    if (c != '\n') return refuse("a chunk size whose line does not end with CRLF");
    return left_ > 0 ? data : trailer;
  }
  if (c != (phase_ == data_cr ? '\r' : '\n')) return refuse("a chunk that is longer than its size");
  return phase_ == data_cr ? data_lf : size_start;
}

ChunkedDecoder::Phase ChunkedDecoder::after_size(char c) {
  using enum Phase;
  const int digit = text::hex_value(c);
  if (phase_ == size_start) {
    size_digits_ = 0;
    left_ = 0;
    extension_bytes_ = 0;
    if (digit < 0) return refuse("a chunk size that is no hexadecimal number");
  }
  if (digit >= 0) {
    left_ = left_ << 4 | static_cast<unsigned>(digit);
    // 16 digits fill 64 bits.
    return ++size_digits_ <= 16 ? size : refuse("a chunk size of more than 16 digits");
  }
  if (c == '\r') return size_lf;
  if (c != ';' && c != ' ' && c != '\t')
    return refuse("a chunk size that is no hexadecimal number");
  return in_extension(c);
}

ChunkedDecoder::Phase ChunkedDecoder::in_extension(char c) {
  using enum Phase;
  const bool blank = c == ' ' || c == '\t';
  const bool can_end = phase_ == name || phase_ == value || phase_ == quoted_end;
  if (c == '\r' && can_end) return size_lf;
  if (++extension_bytes_ > extension_bytes_max)
    return refuse("chunk extensions of more than 1024 bytes in one chunk");
  if (++extensions_bytes_ > extensions_free + body_bytes_ / body_bytes_per_extension_byte)
    return refuse("chunk extensions that are too much for so small a body");
  switch (phase_) {
    case size:
    case before_semicolon:
      if (c == ';') return name_start;
      if (blank) return before_semicolon;
      break;
    case name_start:
      if (blank || token_bytes.has(c)) return blank ? name_start : name;
      break;
    case name:
    case after_name:
      if (c == '=') return value_start;
      if (c == ';') return name_start;
      if (blank) return after_name;
      if (phase_ == name && token_bytes.has(c)) return name;
      break;
    case value_start:
      if (blank) return value_start;
      if (c == '"') return quoted;
      if (token_bytes.has(c)) return value;
      break;
    case value:
      if (token_bytes.has(c)) return value;
      [[fallthrough]];
    case quoted_end:
      if (c == ';') return name_start;
      if (blank) return before_semicolon;
      break;
    case quoted:
      if (c == '"') return quoted_end;
      if (c == '\\') return quoted_pair;
      if (quoted_bytes.has(c)) return quoted;
      break;
    case quoted_pair:
      if (field_bytes.has(c)) return quoted;
      break;
    default:
      break;
  }
  return refuse("a malformed chunk extension");
}

ChunkedDecoder::Phase ChunkedDecoder::in_trailer(char c) {
  using enum Phase;
  if (++trailer_bytes_ > trailer_bytes_max)
    return refuse("trailer fields of more than 8192 bytes after the chunks");
  switch (phase_) {
    case trailer:
      if (c == '\r') return last_lf;
      if (token_bytes.has(c)) return trailer_name;
      break;
    case trailer_name:
      if (c == ':') return trailer_value;
      if (token_bytes.has(c)) return trailer_name;
      break;
    case trailer_value:
      if (c == '\r') return trailer_lf;
      if (field_bytes.has(c)) return trailer_value;
      break;
    case trailer_lf:
      if (c == '\n') return trailer;
      break;
    case last_lf:
      if (c == '\n') return complete;
      break;
    default:
      break;
  }
  return refuse("a malformed trailer field after the chunks");
}

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view in) {
  Step step;
  while (step.consumed < in.size() && phase_ != Phase::data && state() == State::open) {
    phase_ = after(in[step.consumed++]);
  }
  if (phase_ == Phase::data) {
    const auto bytes = std::min<std::uint64_t>(left_, in.size() - step.consumed);
    step.data = in.substr(step.consumed, static_cast<std::size_t>(bytes));
    step.consumed += step.data.size();
    body_bytes_ += step.data.size();
    left_ -= step.data.size();
    if (left_ == 0) phase_ = Phase::data_cr;
  }
  return step;
}

ChunkedDecoder::State ChunkedDecoder::state() const {
  if (phase_ == Phase::complete) return State::complete;
  return phase_ == Phase::malformed ? State::malformed : State::open;
}

}  // namespace cgisrv::http1
