// The chunked transfer coding: in pieces as in one, the same as a plain reading of RFC 9112 finds,
// and what was encoded is decoded.
#include "http1/body.h"

#include <charconv>
#include <optional>

#include "fuzz.h"
#include "http1/writer.h"

namespace cgisrv::fuzz {
namespace {

using State = http1::BodyReader::State;

struct Decoded {
  std::string body;
  State state = State::open;
  std::string rest;  // what follows the body
};

// Takes a few bytes of the body at a time, as a slow program would.
Decoded decode(std::string_view input, bool in_pieces) {
  http::Request request;
  request.framing = http::Framing::chunked;
  http1::BodyReader reader(request);
  Decoded result;
  Buffer buffer;
  Random random(input);
  for (Pieces pieces(input); !pieces.empty();) {
    buffer.append(in_pieces ? pieces.next() : input);
    for (auto bytes = reader.peek(buffer); !bytes.empty(); bytes = reader.peek(buffer)) {
      const auto taken = in_pieces ? 1 + random.below(bytes.size()) : bytes.size();
      result.body.append(bytes.substr(0, taken));
      reader.consume(buffer, taken);
    }
    if (!in_pieces) break;
  }
  result.state = reader.state();
  result.rest = buffer.view();
  CGISRV_CHECK(reader.received() >= result.body.size());
  return result;
}

// The grammar, read line by line from a body that is all there. Extensions and trailers are taken
// as they are: only what is accepted is compared.
std::optional<std::string> read_plainly(std::string_view input) {
  std::string body;
  while (true) {
    const auto end = input.find("\r\n");
    if (end == std::string_view::npos) return {};
    std::uint64_t size = 0;
    const auto [stop, error] = std::from_chars(input.data(), input.data() + end, size, 16);
    if (error != std::errc{}) return {};
    const std::string_view extension(stop, input.data() + end);
    const auto first = extension.find_first_not_of(" \t");
    if (!extension.empty() && (first == std::string_view::npos || extension[first] != ';'))
      return {};
    input.remove_prefix(end + 2);
    if (size == 0) break;
    if (input.size() < 2 || size > input.size() - 2) return {};
    body.append(input.substr(0, size));
    if (input.substr(size, 2) != "\r\n") return {};
    input.remove_prefix(size + 2);
  }
  return input.starts_with("\r\n") || input.contains("\r\n\r\n") ? std::optional(body)
                                                                 : std::nullopt;
}

std::string encode(std::string_view body) {
  std::string out;
  for (Pieces pieces(body); !pieces.empty();) {
    const auto piece = pieces.next();
    http1::write_chunk_size(out, piece.size());
    out.append(piece).append(http1::chunk_end);
  }
  return out.append(http1::last_chunk);
}

}  // namespace

CGISRV_FUZZ_TARGET(body) {
  const auto whole = decode(input, false);
  const auto in_pieces = decode(input, true);
  CGISRV_CHECK(whole.state == in_pieces.state);
  CGISRV_CHECK(whole.body == in_pieces.body);
  if (whole.state == State::complete) {
    CGISRV_CHECK(whole.rest == in_pieces.rest);
    CGISRV_CHECK(input.ends_with(whole.rest));
    const auto coded = input.substr(0, input.size() - whole.rest.size());
    CGISRV_CHECK(coded.ends_with("\r\n"));
    CGISRV_CHECK(read_plainly(coded) == whole.body);
  }
  const auto again = decode(encode(input) + "GET", true);
  CGISRV_CHECK(again.state == State::complete && again.body == input && again.rest == "GET");
}

}  // namespace cgisrv::fuzz
