#include "gateway/variables.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cgi/environment.h"
#include "warm/variables.h"

namespace cgisrv::gateway {

namespace {

using namespace std::string_view_literals;

// Computed only where they apply, or the web server's way to tell us something.
constexpr std::array never_added = {"FCGI_CHDIR"sv, "GIT_PROTOCOL"sv, "HTTPS"sv, "PATH"sv,
                                    "SCGI"sv};
// They have the loader or libc of a program, setuid or not, read what a stranger may have written.
constexpr std::array of_the_loader = {
    "GCONV_PATH"sv,  "GETCONF_DIR"sv,  "GLIBC_TUNABLES"sv, "HOSTALIASES"sv, "LOCALDOMAIN"sv,
    "LOCPATH"sv,     "MALLOC_TRACE"sv, "NIS_PATH"sv,       "NLSPATH"sv,     "RESOLV_HOST_CONF"sv,
    "RES_OPTIONS"sv, "TMPDIR"sv,       "TZDIR"sv};
// They are code for an interpreter, or name a file of it.
constexpr std::array of_interpreters = {
    "BASHOPTS"sv,      "BASH_ENV"sv,          "ENV"sv,
    "GIT_EXEC_PATH"sv, "GIT_SSH"sv,           "GIT_SSH_COMMAND"sv,
    "IFS"sv,           "JAVA_TOOL_OPTIONS"sv, "OPENSSL_CONF"sv,
    "PHPRC"sv,         "PHP_INI_SCAN_DIR"sv,  "PROMPT_COMMAND"sv,
    "PS4"sv,           "RUBYLIB"sv,           "RUBYOPT"sv,
    "SHELLOPTS"sv};
constexpr std::array never_added_prefixes = {
    "HTTP_"sv, "LD_"sv,  "MALLOC_"sv,    "CGISRV_"sv,    "PERL5"sv,   "PYTHON"sv,
    "NODE_"sv, "LUA_"sv, "BASH_FUNC_"sv, "GIT_CONFIG"sv, "OPENSSL_"sv};

bool is_variable_name(std::string_view name) {
  return !name.empty() && !text::is_digit(name.front()) && std::ranges::all_of(name, [](char c) {
    return text::is_alpha(c) || text::is_digit(c) || c == '_';
  });
}

template <typename Names>
bool has(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool may_be_added(std::string_view name) {
  return is_variable_name(name) && !cgi::is_computed(name) && !has(never_added, name) &&
         !has(of_the_loader, name) && !has(of_interpreters, name) &&
         std::ranges::none_of(never_added_prefixes,
                              [name](auto prefix) { return name.starts_with(prefix); });
}

bool is_of_a_user(std::string_view name) {
  return name == "REMOTE_USER" || name == "AUTH_TYPE" || name == "REMOTE_IDENT" ||
         name == "REMOTE_HOST";
}

bool is_known_to_vary(const std::string& name) {
  return cgisrv_warm_is_of_request(name.c_str());
}

}  // namespace cgisrv::gateway
