// Small text tools that HTTP, CGI and the configuration share. ASCII only, never the locale.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cgisrv::text {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

// Value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

bool equals_at_equal_size(std::string_view a, std::string_view b);  // the next one's work
// A request compares hundreds of names, most of which differ in size or in their first letter.
inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return a.empty() || (lower(a.front()) == lower(b.front()) && equals_at_equal_size(a, b));
}

// Whether it holds a control character: C0 or DEL.
bool has_controls(std::string_view s);

// Without spaces and tabs at both ends (RFC 9110 OWS).
std::string_view trim(std::string_view s);

// Removes the part before the first `separator` from the front of `rest` and returns it; all of it
// if there is none.
std::string_view take_until(std::string_view& rest, char separator);

// Removes the first line from the front of `rest` and returns it, without its end: LF or CR LF.
std::string_view take_line(std::string_view& rest);

// The whole text as a decimal number; nothing: it is none, or too large.
template <typename Number>
std::optional<Number> parse_number(std::string_view digits) {
  Number number = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
  if (error != std::errc{} || end != digits.end()) return std::nullopt;
  return number;
}

// "1 byte", "124 bytes".
std::string counted(std::uint64_t number, std::string_view noun);

// For logs and messages: control bytes, quotes, backslashes and bytes over 0x7e as \xNN, so that no
// data of a client or program forges a line or drives a terminal. Cut after `bytes_max`.
std::string escape(std::string_view s, std::size_t bytes_max = 1024);

// Length of the UTF-8 character at the start of `s` (not empty), if it is well-formed and only
// shows itself. 0 for anything else: invalid UTF-8, control characters (C0, C1, DEL), characters
// that change the direction of the text around them, line separators, and invisible characters.
std::size_t visible_length(std::string_view s);

// The same for whole lines that people read: only bytes without visible_length() are escaped, one
// by one, and tabs become spaces.
std::string printable(std::string_view line, std::size_t bytes_max = 4096);
// All of it, for a page, not yet escaped for HTML:
std::string printable_line(std::string_view bytes);  // line ends and tabs are escaped too
std::string printable_text(std::string_view bytes);  // they stay; CRLF becomes LF

// As a string of JSON, which has no \xNN: what escape() or printable() has made stays readable so.
void append_json(std::string& out, std::string_view printable);

// As one word of a shell's command line: quoted if need be.
std::string shell_word(std::string_view s);

// "SIGSEGV"; "SIG37" for a signal without a name.
std::string signal_name(int number);

// For text in HTML and in quoted attributes.
std::string escape_html(std::string_view s);

}  // namespace cgisrv::text
