// Collects a request body whose length is not known before its end, so that the program gets
// CONTENT_LENGTH and a standard input it can even seek in. Small ones stay in memory
// (memfd_create(2)), larger ones go to an unnamed file in $TMPDIR or /tmp (open(2), O_TMPFILE).
#pragma once

#include <cgisrv/fd.h>

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace cgisrv::cgi {

class Spool {
 public:
  explicit Spool(std::uint64_t memory_max) : memory_max_(memory_max) {}

  Result<void> append(std::string_view bytes);
  std::uint64_t size() const { return size_; }
  // What was collected, to be read from its start. The spool is empty afterwards.
  Result<Fd> take();

 private:
  Result<void> open_memory();
  Result<void> move_to_disk();

  std::uint64_t memory_max_;
  std::uint64_t size_ = 0;
  Fd file_;
  bool on_disk_ = false;
};

}  // namespace cgisrv::cgi
