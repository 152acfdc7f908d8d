// The access log: one line for each request.
#pragma once

#include <cgisrv/parent_only.h>

#include <optional>

#include "accesslog/access_format.h"
#include "accesslog/log_target.h"
#include "base/log_file.h"
#include "base/result.h"

namespace cgisrv::accesslog {

// A child of the process that opened it only has it if it calls keep().
class AccessLog {
 public:
  // Opens the file for appending, before privileges are given up.
  static Result<AccessLog> open(const LogTarget& target);

  bool off() const { return !*file_; }
  void write(const AccessEntry& entry);

  // The file now at its path, maybe another one; nothing: it is off.
  Result<std::optional<log::Target>> open_again() const;
  // Switches this process and all that it has forked.
  Result<void> use(log::Target target) { return (*file_)->use(std::move(target)); }
  // In a child that writes to it. The child only follows from then on.
  void keep() { file_.keep(); }
  // Closes a file that has been replaced, for a process that has had nothing to write since.
  void follow();

 private:
  ParentOnly<std::optional<log::File>> file_;
  AccessFormat format_;
};

}  // namespace cgisrv::accesslog
