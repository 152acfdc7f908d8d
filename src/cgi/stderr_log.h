// A program's standard error on its way to the log: line by line, with request id and script name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cgisrv::cgi {

class StderrLog {
 public:
  static constexpr std::size_t line_bytes_max = 2048;         // longer lines are broken up
  static constexpr std::size_t logged_bytes_max = 64 * 1024;  // per request; the rest is counted
  static constexpr std::size_t logged_lines_max = 1000;  // the same: each line is a write of its
                                                         // own
  static constexpr std::size_t tail_bytes_max = 4096;

  StderrLog(std::string_view request_id, std::string_view script)
      : request_id_(request_id), script_(script) {}

  void feed(std::string_view bytes);
  // The output has ended: logs an unfinished last line, and how much was left out.
  void end();
  // The last bytes written, raw.
  const std::string& tail() const { return tail_; }

 private:
  void log_line(std::string_view line);

  std::string request_id_;
  std::string script_;
  std::string line_;
  std::string tail_;
  std::size_t logged_bytes_ = 0;
  std::size_t logged_lines_ = 0;
  std::size_t dropped_bytes_ = 0;
};

}  // namespace cgisrv::cgi
