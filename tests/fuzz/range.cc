// Range: what comes out is apart, within the file, and the bytes that were asked for.
#include "http/range.h"

#include <bitset>
#include <charconv>
#include <limits>

#include "base/text.h"
#include "fuzz.h"

namespace cgisrv::fuzz {
namespace {

constexpr std::size_t small = 100;  // a file of so many bytes is looked at byte by byte
constexpr auto number_max = std::numeric_limits<std::uint64_t>::max();

// With a gap between them.
bool comes_before(const http::ByteRange& a, const http::ByteRange& b) {
  return a.last < b.first && b.first - a.last > 1;
}

void check_set(const http::RangeSet& set, std::uint64_t size) {
  CGISRV_CHECK((set.kind == http::RangeSet::Kind::ranges) == !set.ranges.empty());
  CGISRV_CHECK(set.ranges.size() <= http::ranges_max);
  for (std::size_t i = 0; i < set.ranges.size(); ++i) {
    CGISRV_CHECK(set.ranges[i].first <= set.ranges[i].last && set.ranges[i].last < size);
    for (std::size_t j = 0; j < i; ++j)
      CGISRV_CHECK(comes_before(set.ranges[i], set.ranges[j]) ||
                   comes_before(set.ranges[j], set.ranges[i]));
  }
}

std::uint64_t number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} ? value : number_max;
}

// Of a field that was found to be well-formed.
std::bitset<small> asked_for(std::string_view field) {
  std::bitset<small> bytes;
  text::take_until(field, '=');
  while (!field.empty()) {
    auto after = text::trim(text::take_until(field, ','));
    if (after.empty()) continue;
    const auto before = text::take_until(after, '-');
    for (std::uint64_t at = 0; at < small; ++at) {
      const bool in = before.empty()
                          ? small - at <= number(after)
                          : at >= number(before) && (after.empty() || at <= number(after));
      if (in) bytes.set(at);
    }
  }
  return bytes;
}

}  // namespace

CGISRV_FUZZ_TARGET(range) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, number_max})
    check_set(http::parse_range(input, size), size);
  const auto set = http::parse_range(input, small);
  check_set(set, small);
  if (set.kind != http::RangeSet::Kind::ranges) return;
  std::bitset<small> given;
  for (const auto& range : set.ranges) {
    for (auto at = range.first; at <= range.last; ++at)
      given.set(at);
  }
  CGISRV_CHECK(given == asked_for(input));
}

}  // namespace cgisrv::fuzz
