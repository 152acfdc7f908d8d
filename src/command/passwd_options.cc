#include "command/passwd_options.h"

#include <CLI/CLI.hpp>

namespace cgisrv::command {

namespace {

constexpr auto passwd_usage = R"(Usage: cgisrv passwd FILE USER [--delete]

Asks for a password, or reads it as a line of standard input, and writes its
hash (yescrypt) into FILE, a password file for the key auth of a configuration.
A file that is not there is made, mode 0640; the server must be able to read it.

)";
constexpr auto passwd_endings = R"(
Exit status: 0 written, 64 usage, 66 no password, or no such user, 73 not
written, 77 permission.
)";

}  // namespace

CLI::App* add_passwd(CLI::App& app, PasswdCommand& command, bool& wants_help) {
  auto* const passwd = app.add_subcommand("passwd", passwd_usage)->fallthrough();
  passwd->footer(passwd_endings);
  passwd->add_option("FILE", command.file)->type_name("FILE");
  passwd->add_option("USER", command.user);
  passwd->add_flag("--delete", command.removes, "remove the user instead");
  passwd->add_flag("-h,--help", wants_help, "this text");
  return passwd;
}

}  // namespace cgisrv::command
