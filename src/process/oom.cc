#include "process/oom.h"

#include <unistd.h>

#include <fstream>

#include "process/cgroup.h"

namespace cgisrv::process {

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
