#include "net/output.h"

#include "base/check.h"

namespace cgisrv::net {

void Output::append_file(int file, std::uint64_t offset, std::uint64_t length) {
  CGISRV_CHECK(file_left_ == 0);
  file_ = file;
  file_offset_ = offset;
  file_left_ = length;
}

Io::Status Output::flush(Stream& stream, std::uint64_t& sent, std::size_t budget) {
  while (!empty() && budget > 0) {
    const bool bytes_first = !bytes_.empty();
    const Io io = bytes_first ? stream.write(bytes_.view(), file_left_ > 0)
                              : stream.send_file(file_, file_offset_, file_left_);
    if (io.status != Io::Status::ok) return io.status;
    sent += io.bytes;
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
