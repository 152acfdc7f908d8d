#include "http/body.h"

#include <algorithm>

namespace cgisrv::http {

BodyReader::BodyReader(const Request& request)
    : framing_(request.framing), left_(request.content_length) {
  const bool empty = framing_ == Framing::none || (framing_ == Framing::length && left_ == 0);
  state_ = empty ? State::complete : State::open;
}

std::string_view BodyReader::peek(Buffer& input) {
  if (state_ != State::open) return {};
  if (framing_ == Framing::length) {
    const auto here = std::min<std::uint64_t>(left_, input.size());
    return input.view().substr(0, static_cast<std::size_t>(here));
  }
  while (run_ == 0) {
    const auto step = decoder_.next(input.view(), input.size());
    if (step.consumed == 0) break;
    run_ = step.data.size();
    received_ += run_;
    input.drop(step.consumed - run_);
  }
  // The last chunk's framing may already be through while its neighbours' bytes are not consumed.
  if (run_ == 0 && decoder_.state() == ChunkedDecoder::State::complete) state_ = State::complete;
  if (decoder_.state() == ChunkedDecoder::State::malformed) state_ = State::malformed;
  return input.view().substr(0, run_);
}

void BodyReader::consume(Buffer& input, std::size_t bytes) {
  input.drop(bytes);
  if (framing_ == Framing::chunked) {
    run_ -= bytes;
    return;
  }
  left_ -= bytes;
  received_ += bytes;
  if (left_ == 0) state_ = State::complete;
}

}  // namespace cgisrv::http
