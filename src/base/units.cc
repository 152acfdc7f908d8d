#include "base/units.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <span>

#include "base/text.h"

namespace cgisrv {

namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

// The largest first, as formatting tries them in this order.
constexpr Unit size_units[] = {
    {"t", 1ULL << 40}, {"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}};
constexpr Unit duration_units[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return {};
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    if (!text::equals_ignoring_case(suffix, unit.suffix)) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return {};
    return number * unit.factor;
  }
  return {};
}

// "10m" for "10mb" and "10MiB"; "10b" has no unit to which the b belongs.
std::string_view without_byte(std::string_view text) {
  for (const std::string_view byte : {"ib", "b"}) {
    if (text.size() <= byte.size()) continue;
    const auto rest = text.substr(0, text.size() - byte.size());
    if (text::is_alpha(rest.back()) && text::equals_ignoring_case(text.substr(rest.size()), byte))
      return rest;
  }
  return text;
}

std::string format(std::uint64_t number, std::span<const Unit> units) {
  if (number == 0) return "0";
  for (const Unit& unit : units) {
    if (number % unit.factor == 0) return fmt::format("{}{}", number / unit.factor, unit.suffix);
  }
  return {};  // the last unit is 1
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse(without_byte(text), size_units);
}

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  return parse(text, duration_units);
}

std::string format_size(std::uint64_t bytes) {
  return format(bytes, size_units);
}

std::string size_text(std::uint64_t bytes) {
  const std::string text = format_size(bytes);
  return text::is_digit(text.back()) ? text + " bytes" : text;
}

std::string format_duration(std::uint64_t milliseconds) {
  return milliseconds == 0 ? "0s" : format(milliseconds, duration_units);
}

}  // namespace cgisrv
