// Data to be sent on a stream: bytes, then perhaps a part of a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "net/stream.h"

namespace cgisrv::net {

class Output {
 public:
  static constexpr std::size_t bytes_max = 128 * 1024;       // which writers should respect
  static constexpr std::size_t copied_file_max = 16 * 1024;  // larger parts are not copied

  std::size_t room() const {
    return file_left_ > 0 || bytes_.size() >= bytes_max ? 0 : bytes_max - bytes_.size();
  }
  std::size_t size() const { return bytes_.size(); }  // without the file
  bool empty() const { return bytes_.empty() && file_left_ == 0; }

  std::string& back() { return bytes_.back(); }
  void append(std::string_view bytes) { bytes_.append(bytes); }
  // After the bytes appended so far; nothing may be appended until there is room again. A small
  // part is read at once and sent together with them, which costs less than sendfile(2).
  void append_file(int file, std::uint64_t offset, std::uint64_t length);

  // Sends what the stream takes, at most `budget` bytes. ok: everything or the budget was sent;
  // blocked: wait until it is writable; failed.
  Io::Status flush(Stream& stream, std::size_t budget = 4 << 20);

 private:
  bool copy_file(int file, std::uint64_t offset, std::size_t length);

  Buffer bytes_;
  int file_ = -1;
  std::uint64_t file_offset_ = 0;
  std::uint64_t file_left_ = 0;
};

}  // namespace cgisrv::net
