// How often the kernel has killed a process for lack of memory. It does not say whose process that
// was, so a caller whose process was killed compares two counts.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <string>
#include <utility>

namespace cgisrv::process {

class OomKills {
 public:
  // Reads the calling process's cgroup if that counts (cgroup v2, memory.events), else the whole
  // machine (/proc/vmstat).
  OomKills();
  // Reads that file, in either format.
  explicit OomKills(std::string file) : file_(std::move(file)) {}

  std::uint64_t count() const;
  // At most a second old: for frequent callers.
  std::uint64_t recent_count(TimePoint now);

 private:
  std::string file_;
  std::uint64_t count_ = 0;
  TimePoint counted_ = TimePoint::min();
};

}  // namespace cgisrv::process
