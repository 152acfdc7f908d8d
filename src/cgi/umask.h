// The umask that an administrator sets for programs.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace cgisrv::cgi {

// Three octal digits, or four that begin with 0, as in a shell: "027", "0027". Else nothing.
std::optional<mode_t> parse_umask(std::string_view text);

// The same for starting a program: -1 where nothing is set.
int umask_or_none(std::string_view text);

}  // namespace cgisrv::cgi
