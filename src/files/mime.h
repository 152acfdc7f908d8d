// MIME types by file name ending.
#pragma once

#include <string_view>

namespace cgisrv::files {

// The type for a path's ending, case ignored: a small built-in table first (so that the web's own
// types are right on every machine), then /etc/mime.types, read once; types that take a charset
// carry
// "; charset=utf-8". Unknown: application/octet-stream.
std::string_view mime_type(std::string_view path);
inline constexpr std::string_view unknown_type = "application/octet-stream";

// Text that cannot say by itself how it is written. HTML, CSS and XML can (<meta charset>,
// @charset, <?xml encoding?>), and what a server says would override it: RFC 2854 section 6,
// CSS Syntax section 3.2, RFC 7303 section 3. `type` has no parameters.
bool takes_charset(std::string_view type);

// Reads /etc/mime.types now, so that no request waits for it or fails for lack of a descriptor.
void load_mime_types();

}  // namespace cgisrv::files
