#include "http2/priority.h"

#include "base/text.h"

namespace cgisrv::http2 {

Priority parse_priority(std::string_view field) {
  Priority priority;
  while (!field.empty()) {
    std::string_view value = text::trim(text::take_until(field, ','));
    value = value.substr(0, value.find(';'));  // parameters mean nothing
    const auto key = text::take_until(value, '=');
    if (key == "u" && value.size() == 1 && value >= "0" && value <= "7")
      priority.urgency = static_cast<unsigned>(value.front() - '0');
    if (key == "i" && (value.empty() || value == "?1" || value == "?0"))
      priority.is_incremental = value != "?0";
  }
  return priority;
}

}  // namespace cgisrv::http2
