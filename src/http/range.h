// Byte ranges, RFC 9110 section 14.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cgisrv::http {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct RangeSet {
  enum class Kind { ignore, unsatisfiable, ranges };  // 200, 416, 206
  Kind kind = Kind::ignore;
  // In the order of the request. Ranges that overlap or touch are merged, at the position of the
  // first, so that all together are no larger than the file.
  std::vector<ByteRange> ranges;
};

// A request for more ranges gets the whole file, so that it cannot ask for more work than it is
// worth. Apache's limit, which clients that fetch changed parts of a file rely on (zsync).
inline constexpr std::size_t ranges_max = 200;

// Reads a Range field for something of `size` bytes. Ignores unknown units, syntax errors, and a
// suffix range of empty content, which a 206 could not express.
RangeSet parse_range(std::string_view field, std::uint64_t size);

}  // namespace cgisrv::http
