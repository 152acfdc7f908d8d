// MIME types by file name ending.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::files {

// The type for a path's ending, case ignored: a small built-in table first (so that the web's own
// types are right on every machine), then /etc/mime.types, read once; text types carry
// "; charset=utf-8". Unknown: application/octet-stream.
std::string_view mime_type(std::string_view path);

// Reads /etc/mime.types now, so that no request waits for it or fails for lack of a descriptor.
void load_mime_types();

}  // namespace cgisrv::files
