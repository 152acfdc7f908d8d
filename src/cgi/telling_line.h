// Finds the line of a program's standard error that says what went wrong.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::cgi {

// The last line, except for stack frames, "BEGIN failed--compilation aborted" and the like, which
// follow from an earlier line, and except for interpreters' warnings. Trimmed; empty if none.
std::string_view telling_line(std::string_view text);

// The same as part of a sentence: printable, shortened, and without Perl's list of folders.
std::string telling_words(std::string_view text);

}  // namespace cgisrv::cgi
