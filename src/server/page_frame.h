// What the server's own pages have in common: the document around them, and text made safe to show.
#pragma once

#include <string>
#include <string_view>

#include "server/pages.h"

namespace cgisrv::server {

// src/server/style.css, see style.cc.in.
extern const std::string_view style;

inline constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// A whole document around `main`, which is HTML; `title` is text. A wide page holds a table or
// lines of output, a narrow one is prose.
enum class Width { narrow, wide };
Page html_page(std::string_view title, Width width, std::string_view main);

// Raw bytes as text that neither drives a terminal nor breaks UTF-8: control characters and bytes
// outside UTF-8 become \xNN. Not yet escaped for HTML.
std::string printable_line(std::string_view bytes);  // line ends too
std::string printable_text(std::string_view bytes);  // line ends and tabs kept, CRLF as LF

}  // namespace cgisrv::server
