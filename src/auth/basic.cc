#include "auth/basic.h"

#include <array>
#include <cstring>

#include "base/text.h"

namespace cgisrv::auth {

namespace {

constexpr std::size_t decoded_max = user_bytes_max + 1 + password_bytes_max;
constexpr std::size_t encoded_max = (decoded_max + 2) / 3 * 4;

// Value of a digit of Base64 (RFC 4648 section 4), or -1.
constexpr int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (text::is_digit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// A buffer for a decoded password, wiped at its end.
struct Decoded {
  std::array<char, encoded_max> bytes{};
  std::size_t size = 0;

  Decoded() = default;
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;
  ~Decoded() { ::explicit_bzero(bytes.data(), bytes.size()); }
  std::string_view view() const { return {bytes.data(), size}; }
};

// Bits that are left over must be zero: one text has one form.
bool decode(std::string_view encoded, Decoded& out) {
  if (encoded.size() % 4 != 0 || encoded.empty()) return false;
  const std::size_t padding = encoded.ends_with("==") ? 2 : encoded.ends_with('=') ? 1 : 0;
  encoded.remove_suffix(padding);
  unsigned bits = 0;
  unsigned kept = 0;
  for (const char c : encoded) {
    const int value = value_of(c);
    if (value < 0) return false;
    bits = (bits << 6) | static_cast<unsigned>(value);
    kept += 6;
    if (kept < 8) continue;
    kept -= 8;
    out.bytes[out.size++] = static_cast<char>(bits >> kept);
    bits &= (1U << kept) - 1;
  }
  return bits == 0;
}

}  // namespace

std::expected<Credentials, std::string_view> parse_basic(std::string_view field) {
  const std::string_view scheme = text::take_until(field, ' ');
  if (!text::equals_ignoring_case(scheme, "Basic"))
    return std::unexpected("Authorization is not of the scheme Basic");
  const std::string_view encoded = text::trim(field);
  if (encoded.size() > encoded_max) return std::unexpected("the user or password is too long");
  Decoded decoded;
  if (!decode(encoded, decoded)) return std::unexpected("Authorization is no valid Base64");
  const std::string_view pair = decoded.view();
  const auto colon = pair.find(':');
  if (colon == pair.npos) return std::unexpected("Authorization has no colon after the user");
  if (colon == 0) return std::unexpected("the user is empty");
  if (text::has_controls(pair))
    return std::unexpected("the user or password holds a control character");
  const std::string_view password = pair.substr(colon + 1);
  if (colon > user_bytes_max || password.size() > password_bytes_max)
    return std::unexpected("the user or password is too long");
  return Credentials{std::string(pair.substr(0, colon)), Secret(password)};
}

std::string challenge(std::string_view realm) {
  std::string value = "Basic realm=\"";
  for (const char c : realm) {
    if (c == '"' || c == '\\') value.push_back('\\');
    value.push_back(c);
  }
  return value + "\", charset=\"UTF-8\"";
}

}  // namespace cgisrv::auth
