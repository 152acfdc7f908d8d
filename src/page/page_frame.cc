#include "page/page_frame.h"

#include <fmt/format.h>

#include "base/text.h"

namespace cgisrv::page {

std::string html_line(std::string_view bytes) {
  return text::escape_html(text::printable_line(bytes));
}

// The empty icon keeps browsers from asking for /favicon.ico, which may be a site's own 404.
Page html_page(std::string_view title, Width width, std::string_view main) {
  return {"text/html; charset=utf-8",
          fmt::format("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n"
                      "<style>{}</style>\n</head>\n<body>\n<main{}>\n{}</main>\n</body>\n</html>\n",
                      text::escape_html(title), style,
                      width == Width::wide ? " class=\"wide\"" : "", main)};
}

}  // namespace cgisrv::page
