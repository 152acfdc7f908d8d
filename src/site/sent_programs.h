// Warnings about scripts that are sent as files because no location runs them.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_set>

#include "config/forward.h"

namespace cgisrv::site {

// Why a file of that location is sent and not run, to follow "is sent as a file: ", and the remedy
// if it is a program.
std::string why_sent(const config::Config& config, const config::Site& site,
                     const config::Location& location, bool is_executable);

// A sentence if the file, open as `fd`, is executable and begins with "#!", and no location says
// that it is to be sent. Else empty; only reads executable files.
std::string sent_program(const config::Config& config, const config::Site& site,
                         const config::Location& location, const std::string& file, int fd,
                         mode_t mode);

// The files that were logged.
class SentPrograms {
 public:
  // Whether it has not been logged yet; beyond files_max nothing is logged.
  bool is_new(const std::string& file) const {
    return told_.size() < files_max && !told_.contains(file);
  }
  void tell(const std::string& file, const std::string& sentence);

 private:
  static constexpr std::size_t files_max = 64;
  std::unordered_set<std::string> told_;
};

}  // namespace cgisrv::site
