#include "process/oom.h"

#include <unistd.h>

#include <fstream>

namespace cgisrv::process {

namespace {

// "0::/system.slice/cgisrv.service" of /proc/self/cgroup, as a folder.
std::string own_cgroup() {
  std::ifstream lines("/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
  return {};
}

}  // namespace

OomKills::OomKills() : file_(own_cgroup() + "/memory.events") {
  if (::access(file_.c_str(), R_OK) != 0) file_ = "/proc/vmstat";
}

std::uint64_t OomKills::count() const {
  std::ifstream words(file_);
  std::string name;
  std::uint64_t number = 0;
  while (words >> name >> number)
    if (name == "oom_kill") return number;
  return 0;
}

std::uint64_t OomKills::recent_count(TimePoint now) {
  if (counted_ == TimePoint::min() || now - counted_ > std::chrono::seconds(1)) {
    count_ = count();
    counted_ = now;
  }
  return count_;
}

}  // namespace cgisrv::process
