#include "cgi/stderr_log.h"

#include "base/log.h"
#include "base/text.h"

namespace cgisrv::cgi {

void StderrLog::feed(std::string_view bytes) {
  tail_.append(bytes);
  if (tail_.size() > tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (end != std::string_view::npos || line_.size() >= line_bytes_max) {
      log_line(line_);
      line_.clear();
    }
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
}

void StderrLog::end() {
  if (!line_.empty()) log_line(line_);
  line_.clear();
  if (dropped_bytes_ > 0)
    log::write(log::Level::notice, request_id_,
               fmt::format("{}: {} more bytes of stderr were not logged", script_, dropped_bytes_));
  dropped_bytes_ = 0;
}

void StderrLog::log_line(std::string_view line) {
  if (logged_bytes_ + line.size() > logged_bytes_max) {
    dropped_bytes_ += line.size() + 1;
    return;
  }
  logged_bytes_ += line.size() + 1;
  log::write(log::Level::notice, request_id_,
             fmt::format("{}: stderr: {}", script_, text::printable(line)));
}

}  // namespace cgisrv::cgi
