#include "files/static_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/random.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/range.h"

namespace cgisrv::files {
namespace {

using http::ByteRange;

// A file written twice within its clock's step could keep its mtime, so its ETag proves nothing
// yet.
constexpr std::time_t settled_seconds = 2;

// Each answer with a file has one, so it is put together by hand.
std::string entity_tag(const struct stat& file, bool is_settled, std::string_view variant) {
  std::string tag = is_settled ? "\"" : "W/\"";
  const auto add = [&tag](std::int64_t number, std::string_view end) {
    std::array<char, 17> digits;
    const auto written = std::to_chars(digits.begin(), digits.end(), number, 16);
    tag.append(digits.data(), written.ptr).append(end);
  };
  add(file.st_size, "-");
  add(file.st_mtim.tv_sec, ".");
  add(file.st_mtim.tv_nsec, variant);
  return tag.append("\"");
}

http::Validators validators_of(const struct stat& file, std::time_t now, std::string_view variant) {
  const bool is_settled = file.st_mtime <= now - settled_seconds;
  return {.etag = entity_tag(file, is_settled, variant),
          .last_modified = std::min(file.st_mtime, now)};  // RFC 9110 section 8.8.2.1
}

// Nobody can plant it in a file beforehand.
std::string random_boundary() {
  static RandomNumbers numbers;
  return fmt::format("{:016x}{:016x}", numbers.next(), numbers.next());
}

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return fmt::format("bytes {}-{}/{}", range.first, range.last, size);
}

Piece piece_of(const ByteRange& range, std::string text) {
  return {std::move(text), range.first, range.last - range.first + 1};
}

void send_whole(FileAnswer& answer, std::uint64_t size, std::string_view content_type) {
  answer.response.add("Content-Type", content_type);
  answer.response.content_length = size;
  if (size > 0) answer.pieces.push_back({"", 0, size});
}

void send_range(FileAnswer& answer, const ByteRange& range, std::uint64_t size,
                std::string_view content_type) {
  answer.response.status = 206;
  answer.response.add("Content-Type", content_type);
  answer.response.add("Content-Range", content_range(range, size));
  answer.pieces.push_back(piece_of(range, ""));
  answer.response.content_length = answer.pieces.front().length;
}

// RFC 9110 section 14.6. Adds a line end before the first boundary too, as other servers do and
// clients expect.
void send_multipart(FileAnswer& answer, const std::vector<ByteRange>& ranges, std::uint64_t size,
                    std::string_view content_type) {
  const auto boundary = random_boundary();
  answer.response.status = 206;
  answer.response.add("Content-Type", "multipart/byteranges; boundary=" + boundary);
  for (const auto& range : ranges) {
    answer.pieces.push_back(
        piece_of(range, fmt::format("\r\n--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                                    boundary, content_type, content_range(range, size))));
  }
  answer.pieces.push_back({fmt::format("\r\n--{}--\r\n", boundary), 0, 0});
  std::uint64_t length = 0;
  for (const auto& piece : answer.pieces)
    length += piece.text.size() + piece.length;
  answer.response.content_length = length;
}

void send_unsatisfiable(FileAnswer& answer, std::uint64_t size) {
  answer.response.status = 416;
  answer.response.add("Content-Range", fmt::format("bytes */{}", size));
  answer.response.content_length = 0;
}

void send_content(FileAnswer& answer, const http::Request& request,
                  const http::Validators& validators, std::uint64_t size,
                  std::string_view content_type, std::time_t now) {
  http::RangeSet wanted;
  const auto field = request.joined("Range");
  if (field && request.method == "GET" && http::range_applies(request, validators, now)) {
    wanted = http::parse_range(*field, size);
  }
  answer.response.add("Accept-Ranges", "bytes");
  if (wanted.kind == http::RangeSet::Kind::ignore) return send_whole(answer, size, content_type);
  if (wanted.kind == http::RangeSet::Kind::unsatisfiable) return send_unsatisfiable(answer, size);
  if (wanted.ranges.size() == 1) {
    return send_range(answer, wanted.ranges.front(), size, content_type);
  }
  send_multipart(answer, wanted.ranges, size, content_type);
}

}  // namespace

FileAnswer answer_file(const http::Request& request, const struct stat& file,
                       std::string_view content_type, std::time_t now, std::string_view variant) {
  FileAnswer answer;
  const auto size = static_cast<std::uint64_t>(file.st_size);
  const auto validators = validators_of(file, now, variant);
  answer.response.add("ETag", validators.etag);
  answer.response.add("Last-Modified", http::format_date(validators.last_modified));
  switch (http::evaluate(request, validators, now)) {
    case http::Precondition::not_modified:  // only validators, RFC 9110 section 15.4.5
      answer.response.status = 304;
      break;
    case http::Precondition::failed:
      answer.response.status = 412;
      answer.response.content_length = 0;
      break;
    case http::Precondition::proceed:
      send_content(answer, request, validators, size, content_type, now);
  }
  if (request.method == "HEAD") answer.pieces.clear();
  return answer;
}

FileAnswer whole_file(const http::Request& request, const struct stat& file,
                      std::string_view content_type) {
  FileAnswer answer;
  send_whole(answer, static_cast<std::uint64_t>(file.st_size), content_type);
  if (request.method == "HEAD") answer.pieces.clear();
  return answer;
}

}  // namespace cgisrv::files
