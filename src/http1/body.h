// Takes a request's body off a connection's input, whatever its framing.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "http/message.h"
#include "http1/chunked.h"

namespace cgisrv::http1 {

class BodyReader {
 public:
  enum class State : std::uint8_t { open, complete, malformed };

  BodyReader() = default;
  explicit BodyReader(const http::Request& request);

  // The body bytes now at the front of `input`; framing before them is dropped. Chunks that are
  // there are joined, so that tiny chunks do not cost a call each. Empty when more input is needed
  // or state() is no longer open. The view is valid until `input` changes.
  std::string_view peek(Buffer& input);
  // Drops that many of the bytes that peek() returned.
  void consume(Buffer& input, std::size_t bytes);

  State state() const { return state_; }
  // What makes it malformed; static storage.
  std::string_view problem() const { return decoder_.problem(); }
  std::uint64_t received() const { return received_; }  // body bytes seen so far
  // Bytes still to come; unknown for a chunked body.
  std::uint64_t left() const { return framing_ == http::Framing::length ? left_ : UINT64_MAX; }

 private:
  void decode(Buffer& input);

  http::Framing framing_ = http::Framing::none;
  State state_ = State::complete;
  ChunkedDecoder decoder_;
  std::uint64_t left_ = 0;  // length framing: bytes not yet consumed
  std::uint64_t received_ = 0;
  std::size_t run_ = 0;  // chunked: decoded bytes at the front of the input
};

}  // namespace cgisrv::http1
