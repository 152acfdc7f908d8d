// The access log: one line for each request.
#pragma once

#include <optional>

#include "base/log_file.h"
#include "base/result.h"
#include "server/access_format.h"
#include "server/config.h"

namespace cgisrv::server {

class AccessLog {
 public:
  // Opens the file for appending, before privileges are given up.
  static Result<AccessLog> open(const LogTarget& target);

  bool off() const { return !file_; }
  void write(const AccessEntry& entry);

  // The file of the same name, which may be another one by now; nothing: it is off.
  Result<std::optional<log::Target>> open_again() const;
  // In this process and all that it has forked.
  Result<void> use(log::Target target) { return file_->use(std::move(target)); }
  // In a child: it only follows from now on.
  void abandon();
  // Lets go of a file that has been replaced, for who has had nothing to write since.
  void follow();
  // In a child that writes none.
  void close() { file_.reset(); }

 private:
  std::optional<log::File> file_;
  AccessFormat format_;
};

}  // namespace cgisrv::server
