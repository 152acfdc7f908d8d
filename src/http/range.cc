#include "http/range.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/collect.h"
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

// "first-", "first-last" or "-suffix", not yet clipped to the size: first > last means that none of
// its bytes exist. Nothing: malformed.
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

struct Asked {
  ByteRange range;
  std::size_t place = 0;  // in the field
};

// RFC 9110 section 15.3.7.2.
std::vector<ByteRange> merge(std::vector<Asked> asked) {
  std::ranges::sort(asked, {}, [](const Asked& one) { return one.range.first; });
  auto kept = asked.begin();
  for (const auto& one : asked) {
    if (one.range.first <= kept->range.last + 1) {
      kept->range.last = std::max(kept->range.last, one.range.last);
      kept->place = std::min(kept->place, one.place);
    } else {
      *++kept = one;
    }
  }
  asked.erase(kept + 1, asked.end());
  std::ranges::sort(asked, {}, &Asked::place);
  return collect(asked, &Asked::range);
}

}  // namespace

RangeSet parse_range(std::string_view field, std::uint64_t size) {
  std::vector<Asked> asked;
  const auto unit = text::take_until(field, '=');
  if (!text::equals_ignoring_case(unit, "bytes")) return {};
  std::size_t specs = 0;
  while (!field.empty()) {
    const auto member = text::trim(text::take_until(field, ','));
    if (member.empty()) continue;  // RFC 9110 section 5.6.1.2
    const auto range = parse_spec(member, size);
    if (!range || ++specs > ranges_max) return {};
    if (range->first < size) {
      asked.push_back({{range->first, std::min(range->last, size - 1)}, specs});
    } else if (size == 0 && member[0] == '-') {
      return {};
    }
  }
  if (specs == 0) return {};
  if (asked.empty()) return {.kind = RangeSet::Kind::unsatisfiable};
  return {.kind = RangeSet::Kind::ranges, .ranges = merge(std::move(asked))};
}

}  // namespace cgisrv::http
