#include "http/chunked.h"

#include <algorithm>

#include "base/text.h"
#include "http/octets.h"

namespace cgisrv::http {

//   size_start ─► size ─► size_lf ─► data ─► data_cr ─► data_lf ─► size_start
//                  ├► before_extension ─► extension ─► size_lf
//                  └► extension
//   after size 0:         size_lf ─► trailer ─► last_lf ─► complete
//                                    └► trailer_name ─► trailer_value ─► trailer_lf ─► trailer
//
// A byte that fits none of these: malformed, for good.
enum class ChunkedDecoder::Phase : std::uint8_t {
  size_start,
  size,
  before_extension,
  extension,
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

// The phase that follows when `c`, a byte of framing, has been read.
ChunkedDecoder::Phase ChunkedDecoder::after(char c) {
  using enum Phase;
  const int digit = text::hex_value(c);
  const bool blank = c == ' ' || c == '\t';
  if (phase_ >= trailer && ++trailer_bytes_ > trailer_bytes_max) return malformed;
  switch (phase_) {
    case size_start:
      size_digits_ = 0;
      left_ = 0;
      if (digit < 0) return malformed;
      [[fallthrough]];
    case size:
      if (digit >= 0) {
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        return ++size_digits_ <= 16 ? size : malformed;  // 16 digits fill 64 bits
      }
      if (c == '\r') return size_lf;
      [[fallthrough]];
    case before_extension:  // RFC 9112 section 7.1.1 allows blanks before the semicolon
      if (++extension_bytes_ > extension_bytes_max) return malformed;
      if (blank) return before_extension;
      return c == ';' ? extension : malformed;
    case extension:
      if (c == '\r') return size_lf;
      return ++extension_bytes_ <= extension_bytes_max && field_bytes.has(c) ? extension
                                                                             : malformed;
    case size_lf:
      if (c != '\n') return malformed;
      return left_ > 0 ? data : trailer;
    case data_cr:
      return c == '\r' ? data_lf : malformed;
    case data_lf:
      return c == '\n' ? size_start : malformed;
    case trailer:
      if (c == '\r') return last_lf;
      return token_bytes.has(c) ? trailer_name : malformed;
    case trailer_name:
      if (c == ':') return trailer_value;
      return token_bytes.has(c) ? trailer_name : malformed;
    case trailer_value:
      if (c == '\r') return trailer_lf;
      return field_bytes.has(c) ? trailer_value : malformed;
    case trailer_lf:
      return c == '\n' ? trailer : malformed;
    case last_lf:
      return c == '\n' ? complete : malformed;
    case data:
    case complete:
    case malformed:
      break;
  }
  return phase_;
}

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view in, std::size_t room) {
  Step step;
  while (step.consumed < in.size() && phase_ != Phase::data && state() == State::open) {
    phase_ = after(in[step.consumed++]);
  }
  if (phase_ == Phase::data) {
    const auto bytes = std::min<std::uint64_t>(left_, room);
    step.data = in.substr(step.consumed, static_cast<std::size_t>(bytes));
    step.consumed += step.data.size();
    left_ -= step.data.size();
    if (left_ == 0) phase_ = Phase::data_cr;
  }
  return step;
}

ChunkedDecoder::State ChunkedDecoder::state() const {
  if (phase_ == Phase::complete) return State::complete;
  return phase_ == Phase::malformed ? State::malformed : State::open;
}

}  // namespace cgisrv::http
