// Bytes of programs and clients, made safe to show.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::text {

// Raw bytes as text that neither drives a terminal, breaks UTF-8, nor reads as something else:
// bytes without visible_length() become \xNN. Not yet escaped for HTML.
std::string printable_line(std::string_view bytes);  // line ends too
std::string printable_text(std::string_view bytes);  // line ends and tabs kept, CRLF as LF

}  // namespace cgisrv::text
