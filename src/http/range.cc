#include "http/range.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.h"

namespace cgisrv::http {
namespace {

constexpr auto number_max = std::numeric_limits<std::uint64_t>::max();

// A number too large for us is past the end of anything: it becomes the largest.
std::optional<std::uint64_t> parse_number(std::string_view digits) {
  if (digits.empty()) return {};
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!text::is_digit(c)) return {};
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (number_max - digit) / 10 ? number_max : value * 10 + digit;
  }
  return value;
}

// "first-", "first-last" or "-suffix", not yet cut to size: first > last means none of its bytes
// are there. Nothing: malformed.
std::optional<ByteRange> parse_spec(std::string_view spec, std::uint64_t size) {
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos) return {};
  const auto before = parse_number(spec.substr(0, dash));
  const auto after = parse_number(spec.substr(dash + 1));
  if (dash == 0) {
    if (!after) return {};
    return ByteRange{size - std::min(*after, size), size};
  }
  if (!before) return {};
  if (dash + 1 == spec.size()) return ByteRange{*before, number_max};
  if (!after || *after < *before) return {};
  return ByteRange{*before, *after};
}

void merge(std::vector<ByteRange>& ranges) {
  std::ranges::sort(ranges, {}, &ByteRange::first);
  auto kept = ranges.begin();
  for (const auto& range : ranges) {
    if (range.first <= kept->last + 1) {
      kept->last = std::max(kept->last, range.last);
    } else {
      *++kept = range;
    }
  }
  ranges.erase(kept + 1, ranges.end());
}

}  // namespace

RangeSet parse_range(std::string_view field, std::uint64_t size) {
  RangeSet set;
  const auto unit = text::take_until(field, '=');
  if (!text::equals_ignoring_case(unit, "bytes")) return {};
  std::size_t specs = 0;
  while (!field.empty()) {
    const auto member = text::trim(text::take_until(field, ','));
    if (member.empty()) continue;  // RFC 9110 section 5.6.1.2
    const auto range = parse_spec(member, size);
    if (!range || ++specs > specs_max) return {};
    if (range->first < size) {
      set.ranges.push_back({range->first, std::min(range->last, size - 1)});
    } else if (size == 0 && member[0] == '-') {
      return {};
    }
  }
  if (specs == 0) return {};
  if (set.ranges.empty()) return {.kind = RangeSet::Kind::unsatisfiable};
  merge(set.ranges);
  if (set.ranges.size() > ranges_max) return {};
  set.kind = RangeSet::Kind::ranges;
  return set;
}

}  // namespace cgisrv::http
