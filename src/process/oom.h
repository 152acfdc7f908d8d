// How often the kernel has killed a process because memory had run out. It tells nobody whose
// process that was, so that one who finds its own killed compares two counts.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <string>
#include <utility>

namespace cgisrv::process {

class OomKills {
 public:
  // Counts in the calling process's cgroup where that counts (cgroup v2, memory.events), else on
  // the whole machine (/proc/vmstat).
  OomKills();
  // Counts in that file, of the form of either.
  explicit OomKills(std::string file) : file_(std::move(file)) {}

  std::uint64_t count() const;
  // Not older than a second: for those who ask often.
  std::uint64_t recent_count(TimePoint now);

 private:
  std::string file_;
  std::uint64_t count_ = 0;
  TimePoint counted_ = TimePoint::min();
};

}  // namespace cgisrv::process
