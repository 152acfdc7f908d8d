// What crypt(3) does not know of a password file: $apr1$ and {SHA}; and a keyed hash. By OpenSSL's
// libcrypto. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cgisrv::auth {

// "$apr1$SALT$..." of the password, as Apache's htpasswd -m writes it. Nothing if libcrypto refuses
// MD5, as in its FIPS mode. Of `salt`, 8 characters count.
std::optional<std::string> apr1(std::string_view password, std::string_view salt);

// "{SHA}..." of the password, as htpasswd -s writes it: no salt, one SHA-1.
std::optional<std::string> sha1(std::string_view password);

using Digest = std::array<std::uint8_t, 32>;
// HMAC-SHA-256 (RFC 2104) of texts by one key, which is prepared once: most of a short text's cost.
class KeyedDigest {
 public:
  explicit KeyedDigest(std::span<const std::uint8_t> key);
  ~KeyedDigest();
  KeyedDigest(KeyedDigest&&) noexcept;

  // Random, and so equal to no other, if libcrypto fails, which it does only without memory.
  Digest of(std::string_view text) const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Whether both are equal, in a time that depends on their sizes alone.
bool is_same(std::string_view a, std::string_view b);

}  // namespace cgisrv::auth
