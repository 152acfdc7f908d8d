// The target of a log: a file, a FIFO, a terminal, or standard error, whatever that is. Many
// processes write to it, each line by one call. It never holds up a process: a line that cannot be
// written at once is lost, and counted over all processes.
#pragma once

#include <cgisrv/fd.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/broadcast_fd.h"
#include "base/result.h"

namespace cgisrv::log {

enum class Kind : std::uint8_t { error, access };

// Opened, but not used yet.
struct Target {
  std::string path;
  Fd descriptor;
};

// For appending, without blocking: a FIFO need not have a reader. "stderr" is standard error.
Result<Target> open_target(const std::string& path);

class File {
 public:
  // Fails where the kernel is short of descriptors.
  static Result<File> make(Kind kind, Target target);

  // Whether systemd's journal reads it. The journal knows the time of each line and takes its
  // priority from "<N>" (JOURNAL_STREAM in systemd.exec(5), sd-daemon(3)).
  bool is_journal();
  // A line with its end. False: it is lost, and was counted.
  bool write(std::string_view line);
  // The same, without counting.
  bool try_write(std::string_view line);

  // In the process that made it: all its children write there from now on.
  Result<void> use(Target target);
  Result<Target> open_again() const { return open_target(path_); }
  // Closes a file that has been replaced, as the next line would. If it was removed, only that
  // frees its disk space.
  void follow();

 private:
  // may_block: it belongs to others, so we may neither reopen nor change it.
  enum class Way : std::uint8_t { plain, socket, may_block };

  File(Kind kind, std::string path, BroadcastFd descriptor);

  void look();
  ssize_t put(std::string_view bytes) const;

  Kind kind_;
  std::string path_;
  BroadcastFd descriptor_;
  Way way_ = Way::plain;
  bool journal_ = false;
  std::uint64_t identity_ = 0;  // of the file, shared by all its writers
};

// Lines lost since the first log was opened, in this process and all forked since.
std::uint64_t lost(Kind kind);
std::uint64_t lost();

struct Losses {
  std::uint64_t lines = 0;
  std::string reason;
};
// The losses not reported yet, if the last report is at least `interval` ago.
std::optional<Losses> take_losses(Kind kind, std::chrono::milliseconds interval);
void put_back(Kind kind, const Losses& losses);

}  // namespace cgisrv::log
