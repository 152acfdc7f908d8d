#include "http1/body.h"

#include <algorithm>

namespace cgisrv::http1 {

BodyReader::BodyReader(const http::Request& request)
    : framing_(request.framing), left_(request.content_length) {
  const bool empty =
      framing_ == http::Framing::none || (framing_ == http::Framing::length && left_ == 0);
  state_ = empty ? State::complete : State::open;
}

std::string_view BodyReader::peek(Buffer& input) {
  if (state_ != State::open) return {};
  if (framing_ == http::Framing::length) {
    const auto here = std::min<std::uint64_t>(left_, input.size());
    return input.view().substr(0, static_cast<std::size_t>(here));
  }
  if (run_ == 0) decode(input);
  if (run_ > 0) return input.view().substr(0, run_);
  // The last chunk's framing, or a fault, may have been read while body bytes were left.
  if (decoder_.state() == ChunkedDecoder::State::complete) state_ = State::complete;
  if (decoder_.state() == ChunkedDecoder::State::malformed) state_ = State::malformed;
  return {};
}

// The first run of body bytes stays in place; those of other chunks are moved up to it.
void BodyReader::decode(Buffer& input) {
  std::size_t taken = 0;
  for (;;) {
    const auto step = decoder_.next(input.view().substr(taken));
    if (step.consumed == 0) break;
    const std::size_t size = step.data.size();
    taken += step.consumed;
    if (run_ == 0) {
      input.drop(taken - size);
      taken = size;
    } else {
      input.move(taken - size, run_, size);
    }
    run_ += size;
    received_ += size;
  }
  input.cut(run_, taken - run_);
}

void BodyReader::consume(Buffer& input, std::size_t bytes) {
  input.drop(bytes);
  if (framing_ == http::Framing::chunked) {
    run_ -= bytes;
    return;
  }
  left_ -= bytes;
  received_ += bytes;
  if (left_ == 0) state_ = State::complete;
}

}  // namespace cgisrv::http1
