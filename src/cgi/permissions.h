// What a program's file permissions allow it, and whom they allow to change or run it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "cgi/options.h"
#include "cgi/script.h"

namespace cgisrv::cgi {

// Whether the server's user has that access to the file: R_OK, X_OK.
bool may(const std::string& file, int mode);

// A sentence when the script's file is setuid, setgid or has capabilities without effect, because
// its location does not allow that, or because it is no binary. Else empty.
std::string lost_privileges(const Script& script, const Options& options);

// A sentence when a file among the programs holds data, such as a picture: what to do with it.
// `head`: its first bytes. Empty when it could be a program.
std::string no_program(const std::string& file, std::string_view head);

// For a file among the programs that the kernel refuses to execute for us: first checks whether it
// was meant as a program, else as why_not_executable().
std::string why_not_run(const std::string& file);

// For a file that we may not reach: names the folder that is closed to us, following links.
std::string why_unreachable(const std::string& file);

// For a file that the kernel refuses to execute for us: the obstacle and the remedy.
std::string why_not_executable(const std::string& file);

// Logs files that run correctly but deserve an administrator's attention: those that everybody on
// the machine can change, and those that lost privileges. Once for each file.
class PermissionReview {
 public:
  void review(const Script& script, const Options& options);

 private:
  static constexpr std::size_t files_max = 4096;  // no log beyond this
  std::unordered_set<std::string> seen_;
};

}  // namespace cgisrv::cgi
