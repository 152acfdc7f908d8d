// Where the lines of a log go: a file, a FIFO, a terminal, or standard error, whatever that is.
// Many processes write to it, each line by one call. Nothing that happens there holds up a process:
// a line that cannot be written at once is lost, and counted over all processes.
#pragma once

#include <cgisrv/fd.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/common_fd.h"
#include "base/result.h"

namespace cgisrv::log {

enum class Kind : std::uint8_t { error, access };

// What has been opened, but is not used yet.
struct Target {
  std::string path;
  Fd descriptor;
};

// For appending, and without waiting: a FIFO need not have a reader. "stderr" is standard error.
Result<Target> open_target(const std::string& path);

class File {
 public:
  File(Kind kind, Target target);

  // Whether systemd's journal reads it, which knows the time of each line and takes its priority
  // from "<N>" (JOURNAL_STREAM in systemd.exec(5), sd-daemon(3)).
  bool is_journal();
  // A line with its end. False: it is lost, and was counted.
  bool write(std::string_view line);
  // The same, but for the counting.
  bool try_write(std::string_view line);

  // In the process that made it: all processes that it forked write there from now on.
  Result<void> use(Target target);
  Result<Target> open_again() const { return open_target(path_); }
  // In a child: it only follows.
  void abandon() { descriptor_.abandon(); }
  // Lets go of a file that has been replaced, as the next line would; its room on the disk is free
  // only then, should somebody have removed it.
  void follow();

 private:
  // May block: somebody else's, which we may not open anew, and must not change.
  enum class Way : std::uint8_t { plain, socket, may_block };

  void look();
  ssize_t put(std::string_view bytes) const;

  Kind kind_;
  std::string path_;
  CommonFd descriptor_;
  Way way_ = Way::plain;
  bool journal_ = false;
  std::uint64_t identity_ = 0;  // of the file, for all who write to it
};

// Lines that were lost since the first log was opened, in all processes that were forked since.
std::uint64_t lost(Kind kind);
std::uint64_t lost();

struct Losses {
  std::uint64_t lines = 0;
  std::string reason;
};
// Those that nobody has been told of, when the last that somebody was told is so long ago.
std::optional<Losses> take_losses(Kind kind, std::chrono::milliseconds interval);
void put_back(Kind kind, const Losses& losses);

}  // namespace cgisrv::log
