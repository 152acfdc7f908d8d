// Checks of single values, beyond type and range. Each returns what is wrong, saying what to do, or
// an empty string; the caller names the key.
#pragma once

#include <string>

#include "base/result.h"
#include "config/site.h"

namespace cgisrv::config {

std::string check_user(const std::string& name);
std::string check_group(const std::string& name);
std::string check_address(const std::string& address);
// Of a server that is connected to.
std::string check_backend(const std::string& address);
std::string check_server_name(const std::string& name);
std::string check_index(const std::string& name);
std::string check_include(const std::string& pattern);
std::string check_media_type(const std::string& type);
std::string check_charset(const std::string& name);
std::string check_directory(const std::string& path);
// A folder of programs, or one program.
std::string check_program_place(const std::string& path);
std::string check_executable(const std::string& path);
// A file that the server writes. Neither it nor its folder must exist: a service manager may make
// the folder.
std::string check_written_file(const std::string& path);
// In the notation of programs: "package.module" in Python, "Package::Module" in Perl.
std::string check_module(const std::string& name);
std::string check_umask(const std::string& mask);
std::string check_socket_mode(const std::string& mode);
std::string check_variable_name(const std::string& name);
std::string check_field_name(const std::string& name);
// "alice" or "@staff"
std::string check_listed_user(const std::string& name);

// A method that may be had without a password.
std::string check_open_method(const std::string& method);

// "/prefix/", "=/exact", "*.ext", "/prefix/*.ext" or "~regular expression".
Result<Match> parse_match(const std::string& text);
std::string format_match(const Match& match);

}  // namespace cgisrv::config
