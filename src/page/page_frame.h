// The frame of the server's own pages, and text made safe to show.
#pragma once

#include <string>
#include <string_view>

#include "page/pages.h"

namespace cgisrv::page {

// src/page/style.css, see style.cc.in.
extern const std::string_view style;

inline constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// A whole document around `main`, which is HTML; `title` is text. Wide pages hold tables or lines
// of output, narrow ones prose.
enum class Width { narrow, wide };
Page html_page(std::string_view title, Width width, std::string_view main);

// A printable line, escaped for HTML.
std::string html_line(std::string_view bytes);

}  // namespace cgisrv::page
