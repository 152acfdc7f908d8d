#include "server/page_frame.h"

#include <fmt/format.h>

#include <iterator>

#include "base/text.h"

namespace cgisrv::server {
namespace {

constexpr bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Length of the well-formed and visible UTF-8 character that `s` begins with; 0 when there is none.
// The ranges of the second byte (Unicode, table 3-7) leave out overlong forms, surrogates and what
// lies past U+10FFFF; 0xa0 after 0xc2 leaves out the C1 controls, which terminals obey.
std::size_t visible_length(std::string_view s) {
  const auto lead = static_cast<unsigned char>(s[0]);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  if (lead < 0xc2 || lead > 0xf4 || s.size() < 2) return 0;
  const auto second = static_cast<unsigned char>(s[1]);
  const unsigned low = lead == 0xc2 || lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (s.size() < length) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!continues(s[i])) return 0;
  }
  return length;
}

std::string printable(std::string_view bytes, bool lines) {
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
  return printable(bytes, false);
}
std::string printable_text(std::string_view bytes) {
  return printable(bytes, true);
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

}  // namespace cgisrv::server
