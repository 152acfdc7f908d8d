#include "exec/json.h"

#include <fmt/format.h>

#include <algorithm>

namespace cgisrv::exec {

namespace {

// Length of the well-formed sequence (Unicode 3.9, table 3-7) at the front of `s`; 0: there is
// none.
std::size_t sequence_length(std::string_view s) {
  const auto byte = [&](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80; };
  const unsigned lead = byte(0);
  const unsigned second = byte(1);
  if (lead < 0x80) return s.empty() ? 0 : 1;
  if (lead >= 0xc2 && lead < 0xe0) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead < 0xf0) {
    const bool overlong = lead == 0xe0 && second < 0xa0;
    const bool surrogate = lead == 0xed && second >= 0xa0;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead < 0xf5) {
    const bool overlong = lead == 0xf0 && second < 0x90;
    const bool too_large = lead == 0xf4 && second >= 0x90;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
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

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
    };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out.push_back(digits[group >> 18]);
    out.push_back(digits[group >> 12 & 63]);
    out.push_back(i + 1 < bytes.size() ? digits[group >> 6 & 63] : '=');
    out.push_back(i + 2 < bytes.size() ? digits[group & 63] : '=');
  }
  return out;
}

void JsonWriter::text(std::string_view key, std::string_view value) {
  lead_in(key);
  quote(value);
}

void JsonWriter::bytes(std::string_view key, std::string_view value) {
  if (is_utf8(value)) return text(key, value);
  text(fmt::format("{}_base64", key), base64(value));
}

void JsonWriter::number(std::string_view key, std::uint64_t value) {
  lead_in(key);
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonWriter::number(std::string_view key, double value) {
  lead_in(key);
  fmt::format_to(std::back_inserter(out_), "{:.3f}", value);
}

void JsonWriter::boolean(std::string_view key, bool value) {
  lead_in(key);
  out_.append(value ? "true" : "false");
}

void JsonWriter::null(std::string_view key) {
  lead_in(key);
  out_.append("null");
}

void JsonWriter::begin(std::string_view key, char bracket) {
  lead_in(key);
  out_.push_back(bracket);
  first_ = true;
  ++depth_;
}

void JsonWriter::end(char bracket) {
  --depth_;
  if (!first_) out_.append("\n").append(2UL * depth_, ' ');
  out_.push_back(bracket);
  first_ = false;
}

void JsonWriter::lead_in(std::string_view key) {
  if (depth_ == 0) return;
  if (!first_) out_.push_back(',');
  first_ = false;
  out_.append("\n").append(2UL * depth_, ' ');
  if (key.empty()) return;
  quote(key);
  out_.append(": ");
}

void JsonWriter::quote(std::string_view value) {
  out_.push_back('"');
  while (!value.empty()) {
    const std::size_t length = sequence_length(value);
    const char c = value.front();
    if (length == 0) {
      out_.append("\xef\xbf\xbd");  // U+FFFD, for what is no character
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out_.append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    } else if (c == '"' || c == '\\') {
      out_.append(1, '\\').push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out_), "\\u{:04x}", c);
    } else {
      out_.append(value.substr(0, length));
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  out_.push_back('"');
}

}  // namespace cgisrv::exec
