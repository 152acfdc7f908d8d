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
  std::vector<ByteRange> ranges;  // in order of their start, overlapping and adjacent ones merged
};

// At most this many after merging; more is answered with the whole file, so that a request cannot
// ask for more work than it is worth.
inline constexpr std::size_t ranges_max = 16;
inline constexpr std::size_t specs_max = 200;  // before merging; more: likewise

// Reads a Range field for something of `size` bytes. Unknown units and syntax errors are ignored;
// so are the last bytes of nothing, which a 206 could not express.
RangeSet parse_range(std::string_view field, std::uint64_t size);

}  // namespace cgisrv::http
