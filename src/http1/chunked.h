// The chunked transfer coding of a request body, RFC 9112 section 7.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cgisrv::http1 {

// Own code because llhttp accepts a bare LF after a chunk size and does not limit extensions, and
// because back-pressure needs exact control over how many bytes are taken.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;  // bytes of `in` that are done with, `data` included
    std::string_view data;     // body bytes, a view into `in`; may be empty
  };
  enum class State : std::uint8_t { open, complete, malformed };

  static constexpr std::size_t extension_bytes_max = 1024;  // of one chunk
  // Of all chunks: this much, plus one byte for each 8 of the body so far. Clients of object stores
  // sign each chunk; a client that sends more extensions than that sends no real body.
  static constexpr std::size_t extensions_free = 16 * 1024;
  static constexpr std::size_t body_bytes_per_extension_byte = 8;
  static constexpr std::size_t trailer_bytes_max = 8 * 1024;

  // Takes framing and at most one run of body bytes from the front of `in`. Nothing consumed: more
  // input is needed, or state() is not open. Trailer fields are checked for form and dropped; they
  // never reach the program.
  Step next(std::string_view in);

  State state() const;
  // What makes it malformed: a sentence for the client and the log; static storage.
  std::string_view problem() const { return problem_; }

 private:
  enum class Phase : std::uint8_t;  // where in the framing; see the .cc

  Phase after(char c);
  Phase after_size(char c);
  Phase in_extension(char c);
  Phase in_trailer(char c);
  Phase refuse(std::string_view problem);

  Phase phase_{};
  std::uint8_t size_digits_ = 0;
  std::uint64_t left_ = 0;  // of the current chunk
  std::uint64_t body_bytes_ = 0;
  std::size_t extension_bytes_ = 0;     // of the current chunk
  std::uint64_t extensions_bytes_ = 0;  // of all chunks
  std::size_t trailer_bytes_ = 0;
  std::string_view problem_;
};

}  // namespace cgisrv::http1
