// The access log: one line for each request.
#pragma once

#include <cgisrv/fd.h>

#include "base/result.h"
#include "server/access_format.h"
#include "server/config.h"

namespace cgisrv::server {

class AccessLog {
 public:
  // Opens the file for appending, before privileges are given up.
  static Result<AccessLog> open(const LogTarget& target);

  bool off() const { return off_; }
  void write(const AccessEntry& entry);

 private:
  bool off_ = false;
  Fd file_;  // none: standard error
  AccessFormat format_;
};

}  // namespace cgisrv::server
