// What a program's file permissions give it, and to whom they give the program.
#pragma once

#include <string>
#include <unordered_set>

#include "cgi/options.h"
#include "cgi/script.h"

namespace cgisrv::cgi {

// A sentence when the script's file is setuid, setgid or has capabilities, and gains nothing by it:
// because its location does not allow that, or because it is no binary. Else empty.
std::string lost_privileges(const Script& script, const Options& options);

// Of a file that the kernel refuses to execute for us: what stands in the way, and what to do.
std::string why_not_executable(const std::string& file);

// Tells the log about files that run as they should but that an administrator ought to look at:
// those that everybody on the machine can change, and lost privileges. Once for each file.
class PermissionReview {
 public:
  void look(const Script& script, const Options& options);

 private:
  static constexpr std::size_t files_max = 4096;  // past it nothing is said any more
  std::unordered_set<std::string> seen_;
};

}  // namespace cgisrv::cgi
