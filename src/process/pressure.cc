#include "process/pressure.h"

#include <fmt/format.h>

#include <charconv>

#include "process/cgroup.h"
#include "process/shebang.h"

namespace cgisrv::process {

namespace {

// The percentage that follows.
std::optional<double> share_after(std::string_view text, std::string_view words) {
  const auto at = text.find(words);
  if (at == text.npos) return std::nullopt;
  text.remove_prefix(at + words.size());
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (error != std::errc{} || percent < 0) return std::nullopt;
  return percent / 100;
}

}  // namespace

std::optional<Pressure> read_pressure(std::string_view text) {
  if (!text.starts_with("some avg10=")) return std::nullopt;
  const auto some = share_after(text, "some avg10=");
  if (!some) return std::nullopt;
  return Pressure{.some = *some, .full = share_after(text, "\nfull avg10=").value_or(0)};
}

std::optional<Pressure> own_pressure(std::string_view resource) {
  const auto own = read_pressure(file_head(fmt::format("{}/{}.pressure", own_cgroup(), resource)));
  return own ? own : read_pressure(file_head(fmt::format("/proc/pressure/{}", resource)));
}

}  // namespace cgisrv::process
