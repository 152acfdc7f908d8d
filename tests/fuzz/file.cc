// Conditional and range requests for a file: the status fits the pieces, and the pieces the length
// that is announced and the file.
#include <algorithm>
#include <array>

#include "files/static_file.h"
#include "fuzz.h"
#include "request.h"

namespace cgisrv::fuzz {
namespace {

void check_pieces(const http::Request& request, const files::FileAnswer& answer,
                  std::uint64_t size) {
  const int status = answer.response.status;
  CGISRV_CHECK(answer.response.content_length.has_value() == (status != 304));
  const bool has_body = (status == 200 || status == 206) && request.method == "GET";
  CGISRV_CHECK(has_body || answer.pieces.empty());
  std::uint64_t length = 0;
  for (const auto& piece : answer.pieces) {
    CGISRV_CHECK(piece.offset <= size && piece.length <= size - piece.offset);
    length += piece.text.size() + piece.length;
  }
  if (has_body) CGISRV_CHECK(length == *answer.response.content_length);
  if (status == 200) CGISRV_CHECK(*answer.response.content_length == size);
}

void check_status(const http::Request& request, const files::FileAnswer& answer) {
  const int status = answer.response.status;
  const auto has = [&](std::string_view name) { return request.field(name).has_value(); };
  switch (status) {
    case 200:
      break;
    case 206:
    case 416:
      CGISRV_CHECK(has("Range") && request.method == "GET");
      break;
    case 304:
      CGISRV_CHECK(has("If-None-Match") || has("If-Modified-Since"));
      break;
    case 412:
      CGISRV_CHECK(has("If-Match") || has("If-Unmodified-Since") || has("If-None-Match"));
      break;
    default:
      CGISRV_CHECK(!"a status that no file is answered with");
  }
}

}  // namespace

// The tags of these files are in the dictionary.
CGISRV_FUZZ_TARGET(file) {
  http::Request request;
  if (parse(input, request).state != http1::HeadStatus::State::complete) return;
  if (request.method != "GET" && request.method != "HEAD") return;
  for (const std::uint64_t size : {0ULL, 1000ULL, 1ULL << 62}) {
    struct stat file {};
    file.st_mode = S_IFREG | 0644;
    file.st_ino = 17;
    file.st_size = static_cast<off_t>(size);
    file.st_mtim.tv_sec = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
    for (const std::time_t age : {0, 1'000'000'000}) {
      const auto answer =
          files::answer_file(request, file, "text/plain", file.st_mtim.tv_sec + age);
      check_status(request, answer);
      check_pieces(request, answer, size);
    }
  }
}

}  // namespace cgisrv::fuzz
