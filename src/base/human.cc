#include "base/human.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace cgisrv::human {

namespace {

constexpr double age_max = 1e15;  // seconds; beyond that it is no age

// Two digits at least: "1.2", "12", "120".
std::string short_number(double number) {
  return number < 9.95 ? fmt::format("{:.1f}", number) : fmt::format("{:.0f}", number);
}

std::string scaled(double number, double base, std::string_view units) {
  if (number < base) return fmt::format("{:.0f}", number);
  std::size_t unit = 0;
  for (number /= base; number >= base - 0.5 && unit + 1 < units.size(); ++unit)
    number /= base;
  return short_number(number) + units[unit];
}

}  // namespace

std::string count(std::uint64_t number) {
  return scaled(static_cast<double>(number), 1000, "kMGT");
}

std::string bytes(std::uint64_t number) {
  return scaled(static_cast<double>(number), 1024, "KMGT");
}

std::string rate(double per_second) {
  if (per_second <= 0) return "0";
  if (per_second < 0.995) return fmt::format("{:.2f}", per_second);
  return per_second < 99.95 ? fmt::format("{:.1f}", per_second) : scaled(per_second, 1000, "kMGT");
}

std::string percent(double share) {
  return share < 0.0005 ? "0%" : short_number(share * 100) + "%";
}

std::string duration(double seconds) {
  if (seconds <= 0) return "-";
  if (seconds < 0.9995e-3) return fmt::format("{:.0f}us", seconds * 1e6);
  if (seconds < 0.9995) return short_number(seconds * 1e3) + "ms";
  return seconds < 99.5 ? short_number(seconds) + "s" : fmt::format("{:.0f}m", seconds / 60);
}

std::string age(double seconds) {
  const auto s = static_cast<std::uint64_t>(std::clamp(seconds, 0.0, age_max));
  const std::uint64_t minute = 60;
  const std::uint64_t hour = 60 * minute;
  const std::uint64_t day = 24 * hour;
  if (s < minute) return fmt::format("{}s", s);
  if (s < hour) return fmt::format("{}m {}s", s / minute, s % minute);
  if (s < day) return fmt::format("{}h {}m", s / hour, s % hour / minute);
  return fmt::format("{}d {}h", s / day, s % day / hour);
}

}  // namespace cgisrv::human
