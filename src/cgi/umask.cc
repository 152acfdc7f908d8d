#include "cgi/umask.h"

namespace cgisrv::cgi {

std::optional<mode_t> parse_umask(std::string_view text) {
  if (text.size() == 4 && text.front() == '0') text.remove_prefix(1);
  if (text.size() != 3) return std::nullopt;
  mode_t mask = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7') return std::nullopt;
    mask = mask * 8 + static_cast<mode_t>(digit - '0');
  }
  return mask;
}

int umask_or_none(std::string_view text) {
  const auto mask = parse_umask(text);
  return mask ? static_cast<int>(*mask) : -1;
}

}  // namespace cgisrv::cgi
