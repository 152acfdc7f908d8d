// Request targets and paths: RFC 9112 section 3.2, RFC 3986 sections 2.1 and 5.2.4.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"
#include "http/octets.h"

namespace cgisrv::http {

// The target of a request line. `method` decides: CONNECT takes only the authority form, "*" only
// goes with OPTIONS; the absolute form's scheme is http or https. Nothing when it has none of the
// four forms, a control byte, a space, a fragment, userinfo, or a backslash in its path (browsers
// and some servers read it as a slash, others do not). Bytes from 0x80 are kept.
std::optional<Target> parse_target(std::string_view method, std::string_view raw);

// "example.org:8080", "[::1]", "127.0.0.1" as in Host; may be empty. Nothing when it has anything
// but letters, digits, "-", "." and "_" outside of brackets (so no userinfo, path, comma, space),
// no IPv6 address inside, a port but no host, or a port over 65535.
struct Authority {
  std::string_view host;
  std::optional<std::uint16_t> port;
};
std::optional<Authority> parse_authority(std::string_view raw);

// A path decoded once, without dot segments and repeated slashes. Always begins with '/'.
struct Path {
  std::string text;
  // text.substr(0, plain) holds no slash that was sent as %2F: only this part may name a file or a
  // location; the rest can only be PATH_INFO. Ends after a slash, or at the end of the text.
  std::size_t plain = 0;
};

// A path in which no slash was sent as %2F.
Path plain_path(std::string text);

// The path with a slash for each %2F, and none twice.
Path with_all_slashes(const Path& path);

// Nothing (answer 400) for a broken escape, %00, a dot segment that was sent encoded, one that
// climbs above the root, or ".." after a %2F.
std::optional<Path> decode_path(std::string_view raw);

// Percent-encodes all bytes but these.
std::string encode(std::string_view text, const ByteSet& plain);

// Percent-encodes bytes not allowed in the path of a Location or a link, and a second leading
// slash, which would turn what follows into a host name.
std::string encode_path(std::string_view path);

// Percent-encodes bytes not allowed in the query of a Location. Existing escapes stay.
std::string encode_query(std::string_view query);

}  // namespace cgisrv::http
