// The Authorization field of Basic authentication: RFC 7617, RFC 9110 section 11.6.2. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "auth/secret.h"

namespace cgisrv::auth {

// Of what anybody may claim: libxcrypt takes passwords of that size, password files such names.
inline constexpr std::size_t user_bytes_max = 255;
inline constexpr std::size_t password_bytes_max = 511;

struct Credentials {
  std::string user;
  Secret password;
};

// From the field's value. An error is a clause that says what is wrong with the field, for the log.
// A name that is empty, or a control character in either, is a fault: section 2 forbids them, and
// crypt(3) would take a password to end at a NUL.
std::expected<Credentials, std::string_view> parse_basic(std::string_view field);

// The value of WWW-Authenticate. A realm's quotes and backslashes are escaped.
std::string challenge(std::string_view realm);

}  // namespace cgisrv::auth
