// Classes of bytes in the grammars of RFC 9110 and RFC 3986.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace cgisrv::http {

class ByteSet {
 public:
  constexpr ByteSet with(std::string_view bytes) const { return changed(bytes, true); }
  constexpr ByteSet without(std::string_view bytes) const { return changed(bytes, false); }
  constexpr ByteSet with_range(unsigned char first, unsigned char last) const {
    ByteSet set = *this;
    std::fill(set.in_.begin() + first, set.in_.begin() + last + 1, true);
    return set;
  }
  constexpr bool has(char c) const { return in_[static_cast<unsigned char>(c)]; }
  constexpr bool has_all(std::string_view s) const {
    return std::ranges::all_of(s, [this](char c) { return has(c); });
  }

 private:
  constexpr ByteSet changed(std::string_view bytes, bool in) const {
    ByteSet set = *this;
    for (const char c : bytes)
      set.in_[static_cast<unsigned char>(c)] = in;
    return set;
  }

  std::array<bool, 256> in_{};
};

inline constexpr ByteSet alphanumeric =
    ByteSet{}.with_range('0', '9').with_range('A', 'Z').with_range('a', 'z');

inline constexpr ByteSet ascii = ByteSet{}.with_range(0, 0x7f);

// RFC 9110 section 5.6.2.
inline constexpr ByteSet token_bytes = alphanumeric.with("!#$%&'*+-.^_`|~");
constexpr bool is_token(std::string_view s) {
  return !s.empty() && token_bytes.has_all(s);
}

// What a field line may hold, RFC 9110 section 5.5: visible, obs-text, space and tab.
inline constexpr ByteSet field_bytes = ByteSet{}.with("\t").with_range(0x20, 0xff).without("\x7f");

// Bytes allowed in a request target. More than RFC 3986 allows: browsers leave quotes, braces, bars
// and backslashes of a query unencoded (URL standard, "query percent-encode set"), and many other
// clients send non-ASCII bytes unencoded. Nothing that ends a target or a line.
inline constexpr ByteSet target_bytes =
    ByteSet{}.with_range(0x21, 0x7e).with_range(0x80, 0xff).without("#");

// What stands unencoded in a path, RFC 3986 section 3.3, and the slash.
inline constexpr ByteSet path_bytes = alphanumeric.with("-._~!$&'()*+,;=:@/");

// What stands unencoded in a query, RFC 3986 section 3.4, and an escape's percent sign.
inline constexpr ByteSet query_bytes = path_bytes.with("?%");

// Hosts: names and IPv4 addresses. RFC 3986 allows more, but no real host has it, and quotes and
// dollar signs in SERVER_NAME would be dangerous in some programs.
inline constexpr ByteSet host_bytes = alphanumeric.with("-._");

}  // namespace cgisrv::http
