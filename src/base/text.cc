#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace cgisrv::text {
namespace {

constexpr bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// For a well-formed character: whether it changes how others are shown, or is invisible. A name
// with U+202E in it reads as another one.
bool hides(std::string_view character) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> ranges = {{
      {"\u061c", "\u061c"},          // Arabic letter mark
      {"\u200b", "\u200b"},          // zero width space
      {"\u200e", "\u200f"},          // left-to-right and right-to-left mark
      {"\u2028", "\u202e"},          // line and paragraph separator, embeddings, overrides
      {"\u2060", "\u206f"},          // word joiner, invisible operators, isolates
      {"\ufeff", "\ufeff"},          // byte order mark
      {"\ufff9", "\ufffb"},          // interlinear annotation
      {"\U000e0000", "\U000e0fff"},  // tags
      {"\u3164", "\u3164"},          // Hangul filler
  }};
  return std::ranges::any_of(ranges, [character](const auto& range) {
    return character.size() == range.first.size() && character >= range.first &&
           character <= range.second;
  });
}

// Of the first character, as it is shown; returns its length.
std::size_t append_visible(std::string& out, std::string_view bytes) {
  const std::size_t length = visible_length(bytes);
  out.append(bytes.substr(0, length));
  if (length == 0)
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(bytes[0]));
  return std::max<std::size_t>(length, 1);
}

}  // namespace

bool equals_at_equal_size(std::string_view a, std::string_view b) {
  return a == b || std::equal(a.begin(), a.end(), b.begin(),
                              [](char x, char y) { return lower(x) == lower(y); });
}

bool has_controls(std::string_view s) {
  return std::ranges::any_of(s, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
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

std::string_view take_line(std::string_view& rest) {
  auto line = take_until(rest, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

// Mostly nothing is to be escaped: what is plain is copied in one piece.
std::string escape(std::string_view s, std::size_t bytes_max) {
  const auto is_plain = [](char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; };
  std::string_view left = s.substr(0, bytes_max);
  std::string out;
  while (!left.empty()) {
    const auto plain = std::ranges::find_if_not(left, is_plain) - left.begin();
    out.append(left.substr(0, static_cast<std::size_t>(plain)));
    left.remove_prefix(static_cast<std::size_t>(plain));
    if (left.empty()) break;
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(left[0]));
    left.remove_prefix(1);
  }
  if (s.size() > bytes_max) out.append("...");
  return out;
}

std::size_t visible_length(std::string_view s) {
  const auto lead = static_cast<unsigned char>(s[0]);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  if (lead < 0xc2 || lead > 0xf4 || s.size() < 2) return 0;
  const auto second = static_cast<unsigned char>(s[1]);
  // The ranges of the second byte (Unicode, table 3-7) exclude overlong forms, surrogates and
  // values beyond U+10FFFF; 0xa0 after 0xc2 excludes the C1 controls, which terminals obey.
  const unsigned low = lead == 0xc2 || lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (s.size() < length || !std::ranges::all_of(s.substr(2, length - 2), continues)) return 0;
  return hides(s.substr(0, length)) ? 0 : length;
}

std::string printable(std::string_view line, std::size_t bytes_max) {
  std::string out;
  while (!line.empty() && bytes_max > 0 && visible_length(line) <= bytes_max) {
    const std::size_t taken = line[0] == '\t' ? 1 : append_visible(out, line);
    if (line[0] == '\t') out.append(" ");
    line.remove_prefix(taken);
    bytes_max -= taken;
  }
  return out;
}

std::string printable_line(std::string_view bytes) {
  std::string out;
  while (!bytes.empty())
    bytes.remove_prefix(append_visible(out, bytes));
  return out;
}

std::string printable_text(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    if (bytes.starts_with("\r\n")) bytes.remove_prefix(1);
    const bool is_layout = bytes[0] == '\n' || bytes[0] == '\t';
    if (is_layout) out.push_back(bytes[0]);
    bytes.remove_prefix(is_layout ? 1 : append_visible(out, bytes));
  }
  return out;
}

void append_json(std::string& out, std::string_view printable) {
  out.push_back('"');
  for (const char c : printable) {
    if (c == '\\' || c == '"') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
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

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return fmt::format("SIG{}", name != nullptr ? name : std::to_string(number));
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
