#include "net/output.h"

#include <unistd.h>

#include "base/check.h"

namespace cgisrv::net {

void Output::append_file(int file, std::uint64_t offset, std::uint64_t length) {
  CGISRV_CHECK(file_left_ == 0);
  if (length <= copied_file_max && copy_file(file, offset, length)) return;
  file_ = file;
  file_offset_ = offset;
  file_left_ = length;
}

// All of it or nothing: for a file that has become shorter, sendfile(2) reports the error.
bool Output::copy_file(int file, std::uint64_t offset, std::size_t length) {
  std::string& bytes = bytes_.back();
  const std::size_t before = bytes.size();
  bytes.resize(before + length);
  const ssize_t got = ::pread(file, bytes.data() + before, length, static_cast<off_t>(offset));
  if (got == static_cast<ssize_t>(length)) return true;
  bytes.resize(before);
  return false;
}

Io::Status Output::flush(Stream& stream, std::size_t budget) {
  while (!empty() && budget > 0) {
    const bool bytes_first = !bytes_.empty();
    const Io io = bytes_first ? stream.write(bytes_.view(), file_left_ > 0)
                              : stream.send_file(file_, file_offset_, file_left_);
    if (io.status != Io::Status::ok) return io.status;
    budget -= std::min(budget, io.bytes);
    if (bytes_first) {
      bytes_.drop(io.bytes);
    } else {
      file_offset_ += io.bytes;
      file_left_ -= io.bytes;
    }
  }
  bytes_.release_if_empty();
  return Io::Status::ok;
}

}  // namespace cgisrv::net
