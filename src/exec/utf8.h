// Bytes that may be text.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::exec {

bool is_utf8(std::string_view bytes);
// For people: all that is not text is escaped.
std::string shown(std::string_view line);
// Drops an incomplete character at the end, which a cut may leave.
std::string_view without_cut_character(std::string_view bytes);

}  // namespace cgisrv::exec
