#include "cgi/stderr_log.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace cgisrv::cgi {

void StderrLog::feed(std::string_view bytes) {
  tail_.append(bytes);
  if (tail_.size() > tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, std::min(bytes.find('\n'), line_bytes_max - line_.size()));
    line_.append(part);
    bytes.remove_prefix(part.size());
    if (bytes.empty()) return;
    log_line(line_);  // complete, or of the maximum length
    line_.clear();
    if (bytes.front() == '\n') bytes.remove_prefix(1);
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
  if (logged_bytes_ + line.size() > logged_bytes_max || logged_lines_ == logged_lines_max) {
    dropped_bytes_ += line.size() + 1;
    return;
  }
  logged_bytes_ += line.size() + 1;
  ++logged_lines_;
  log::write(log::Level::notice, request_id_,
             fmt::format("{}: stderr: {}", script_, text::printable(line)));
}

}  // namespace cgisrv::cgi
