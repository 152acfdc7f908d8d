#include "warm/stamp.h"

#include <sys/stat.h>

#include <ctime>

namespace cgisrv::warm {

namespace {
std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}
}  // namespace

Stamp stamp_of(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return {};
  return {.device = file.st_dev,
          .inode = file.st_ino,
          .size = static_cast<std::uint64_t>(file.st_size),
          .modified_ns = nanoseconds(file.st_mtim),
          .changed_ns = nanoseconds(file.st_ctim)};
}

// The usual clock is ahead of files' times by up to a tick: a change just after the reading would
// seem older.
std::int64_t time_of_changes_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return nanoseconds(now);
}

bool changed_since(const std::string& path, std::int64_t time_ns) {
  for (std::size_t end = 0; end != path.npos;) {
    end = path.find('/', end + 1);
    struct stat part {};
    if (::lstat(path.substr(0, end).c_str(), &part) == 0 && S_ISLNK(part.st_mode) &&
        nanoseconds(part.st_ctim) >= time_ns)
      return true;
  }
  return stamp_of(path).changed_ns >= time_ns;
}

}  // namespace cgisrv::warm
