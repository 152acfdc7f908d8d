// The access log: one line for each request.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/config.h"

namespace cgisrv::server {

struct AccessEntry {
  std::string_view remote_address;
  std::string_view request_line;  // "GET /path HTTP/1.1"; empty when there was none to read
  std::string_view method, target, host, referer, user_agent;
  std::string_view request_id;
  std::string_view script;       // SCRIPT_NAME; empty for files and pages
  int status = 0;                // 0: the client left before there was an answer, written as 499
  std::uint64_t bytes_sent = 0;  // of the body, without head and framing
  Clock::duration duration{};
};

// The line in one of the formats, its end included. What clients sent is escaped. Pure.
std::string format_entry(const AccessEntry& entry, LogFormat format, std::time_t now);

class AccessLog {
 public:
  // Opens the file for appending, before privileges are given up.
  static Result<AccessLog> open(const LogTarget& target);

  void write(const AccessEntry& entry);

 private:
  bool off_ = false;
  Fd file_;  // none: standard error
  LogFormat format_ = LogFormat::combined;
};

}  // namespace cgisrv::server
