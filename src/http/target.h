// Request targets and paths: RFC 9112 section 3.2, RFC 3986 sections 2.1 and 5.2.4.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace cgisrv::http {

// The target of a request line. `method` decides: CONNECT takes the authority form alone, "*" goes
// with OPTIONS alone. Nothing when it is none of the four forms, holds a byte that a URI may not
// hold (controls, space, bytes over 0x7e, backslash, a fragment), or has userinfo.
std::optional<Target> parse_target(std::string_view method, std::string_view raw);

// "example.org:8080", "[::1]", "127.0.0.1" as in Host. Nothing when it has userinfo, a path, a
// comma, white space, an empty host with a port, or a port over 65535.
struct Authority {
  std::string_view host;
  std::optional<std::uint16_t> port;
};
std::optional<Authority> parse_authority(std::string_view raw);

// A path decoded once, without dot segments and repeated slashes. Always begins with '/'.
struct Path {
  std::string text;
  // text.substr(0, plain) holds no slash that was sent as %2F: only this much may name a file or a
  // location; what follows can only be PATH_INFO. Ends at the end of a segment (or of the text).
  std::size_t plain = 0;
};

// Nothing (answer 400) for a broken escape, %00, a dot segment that was sent encoded, or one that
// climbs above the root.
std::optional<Path> decode_path(std::string_view raw);

// Percent-encodes what may not stand in the path of a Location or a link.
std::string encode_path(std::string_view path);

}  // namespace cgisrv::http
