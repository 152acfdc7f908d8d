// What the fields of proxies say: Forwarded of RFC 7239, and the lists of X-Forwarded-*. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/ip.h"
#include "base/result.h"

namespace cgisrv::proxy {

// Whom a field names, RFC 7239 section 6: an address, or somebody hidden ("unknown", "_hidden").
struct Node {
  std::optional<access::Ip> ip;  // nothing: hidden
  std::string port;              // as sent; may be hidden too ("_x"), or missing
};

// "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]:4711", and without brackets "2001:db8::1", as
// X-Forwarded-For has it. Nothing: it is none of these.
std::optional<Node> parse_node(std::string_view text);

// One hop of Forwarded: what the proxy that added it was asked. Texts are unquoted.
struct Element {
  std::string node;       // for=, empty where it is not said
  std::string host;       // likewise
  std::string proto;      // likewise
  std::string_view text;  // all of it, as sent
};

inline constexpr std::size_t elements_max = 64;

// One line of the field, as sent: lines are never joined, so that no quoted text goes over several.
// A value without quotes may have characters that RFC 7239 wants in quotes, such as a colon. An
// error says what was expected.
Result<std::vector<Element>> parse_forwarded(std::string_view line);

// The items of a list without quotes, such as X-Forwarded-For, trimmed; empty ones are left out.
// At most the last elements_max.
std::vector<std::string_view> parse_list(std::string_view line);

}  // namespace cgisrv::proxy
