#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace cgisrv::text {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view s) {
  const auto first = s.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

std::string_view take_until(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return part;
}

std::string escape(std::string_view s, std::size_t bytes_max) {
  std::string out;
  for (const char c : s.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\') {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
  if (s.size() > bytes_max) out.append("...");
  return out;
}

std::string printable(std::string_view line, std::size_t bytes_max) {
  std::string out;
  char before = '\0';
  for (const char c : line.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    // In UTF-8 the C1 controls are 0xc2 followed by these.
    const bool c1 = before == '\xc2' && byte >= 0x80 && byte < 0xa0;
    if (c == '\t') {
      out.push_back(' ');
    } else if (byte < 0x20 || byte == 0x7f || c1) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
    before = c;
  }
  return out;
}

std::string shell_word(std::string_view s) {
  const auto is_plain = [](char c) {
    return is_alpha(c) || is_digit(c) || std::string_view("/._-+:@%").contains(c);
  };
  if (!s.empty() && std::ranges::all_of(s, is_plain)) return std::string(s);
  std::string word = "'";
  for (const char c : s)
    c == '\'' ? word.append("'\\''") : word.append(1, c);
  return word + "'";
}

std::string escape_html(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&quot;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace cgisrv::text
