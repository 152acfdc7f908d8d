// X-Sendfile: a file that a program names, so that the server sends it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::cgi {

// The longest of the roots that the file is below; empty: it is below none. `roots` are absolute,
// without a slash at the end.
std::string_view root_of(std::string_view file, const std::vector<std::string>& roots);

// Without "." and repeated slashes.
std::string plain_path(std::string_view file);

// Why the file may not be sent, in one sentence; empty: its name is all right. Nothing is decoded:
// the name is that of the file system.
std::string why_not_sent(std::string_view file, const std::vector<std::string>& roots);

}  // namespace cgisrv::cgi
