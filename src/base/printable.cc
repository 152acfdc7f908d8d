#include "base/printable.h"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>

#include "base/text.h"

namespace cgisrv::text {

namespace {

std::string shown(std::string_view bytes, bool lines) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    if (lines && bytes.starts_with("\r\n")) bytes.remove_prefix(1);
    const bool layout = lines && (bytes[0] == '\n' || bytes[0] == '\t');
    const std::size_t visible = layout ? 1 : visible_length(bytes);
    if (visible == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    }
    out.append(bytes.substr(0, visible));
    bytes.remove_prefix(visible == 0 ? 1 : visible);
  }
  return out;
}

}  // namespace

std::string printable_line(std::string_view bytes) {
  return shown(bytes, false);
}

std::string printable_text(std::string_view bytes) {
  return shown(bytes, true);
}

}  // namespace cgisrv::text
