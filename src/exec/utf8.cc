#include "exec/utf8.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace cgisrv::exec {

// Whether the library would write it unchanged: what it refuses is no UTF-8 (RFC 8259, 8.1).
bool is_utf8(std::string_view bytes) {
  try {
    nlohmann::json(bytes).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string shown(std::string_view line) {
  return is_utf8(line) ? text::printable(line, line.size()) : text::escape(line, line.size());
}

std::string_view without_cut_character(std::string_view bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    const unsigned needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (byte < 0x80 || (byte >= 0xc0 && needed <= back)) return bytes;
    if (byte >= 0xc0) return bytes.substr(0, bytes.size() - back);
  }
  return bytes;
}

}  // namespace cgisrv::exec
