// Collects a request body, or its beginning, so that a program is started only when that is there.
// The body stays in memory. Beyond a limit, or when all spools of the worker have used up theirs,
// it goes to an unnamed file in $TMPDIR or /tmp (open(2), O_TMPFILE); in /dev/shm, if /tmp cannot
// have one, as in a container whose root is read-only.
//
// It comes out either whole, as a file of known length that a program can seek in, or piece by
// piece, in order.
#pragma once

#include <cgisrv/fd.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgisrv::cgi {

// Bytes of memory for all spools of one worker together.
class SpoolMemory {
 public:
  explicit SpoolMemory(std::uint64_t bytes) : left_(bytes) {}

  bool take(std::uint64_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }
  void give_back(std::uint64_t bytes) { left_ += bytes; }
  std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_;
};

class Spool {
 public:
  // `shared` outlives it, and gets its bytes back when the spool is destroyed, not before: after
  // take() the kernel still uses the memory.
  Spool(std::uint64_t memory_max, SpoolMemory& shared) : memory_max_(memory_max), shared_(shared) {}
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool() { shared_.give_back(taken_); }

  Result<void> append(std::string_view bytes);
  std::uint64_t size() const { return size_; }  // bytes that have not come out
  // The collected bytes, to be read from their start. The spool is empty afterwards.
  Result<Fd> take();
  // The next bytes, at least one unless it is empty. Valid until the next call; may use `scratch`.
  Result<std::string_view> front(std::span<char> scratch) const;
  // Drops bytes that have come out. Nothing may be appended any more.
  void drop(std::size_t bytes);

 private:
  Result<void> move_to_disk();

  const std::uint64_t memory_max_;
  SpoolMemory& shared_;
  std::uint64_t taken_ = 0;  // from it
  std::uint64_t size_ = 0;
  std::uint64_t start_ = 0;  // position of the first byte that has not come out
  std::string memory_;
  Fd file_;                      // instead
  const char* folder_ = "/tmp";  // has the file, or was to have it
};

}  // namespace cgisrv::cgi
