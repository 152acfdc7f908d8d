// A queue of bytes: in at the back, out at the front.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"

namespace cgisrv {

class Buffer {
 public:
  std::string_view view() const { return std::string_view(bytes_).substr(start_); }
  std::size_t size() const { return bytes_.size() - start_; }
  bool empty() const { return size() == 0; }

  void append(std::string_view bytes) { bytes_.append(bytes); }
  // For writers that append to a string. They may only change the end.
  std::string& back() { return bytes_; }

  // Moves memory only when half of it is waste, so that dropping stays linear.
  void drop(std::size_t count) {
    CGISRV_CHECK(count <= size());
    start_ += count;
    if (start_ == bytes_.size()) {
      bytes_.clear();
      start_ = 0;
    } else if (start_ > bytes_.size() / 2) {
      bytes_.erase(0, start_);
      start_ = 0;
    }
  }

  // Moves `count` bytes from `from` on to `to`, where they overwrite others.
  void move(std::size_t from, std::size_t to, std::size_t count) {
    CGISRV_CHECK(from + count <= size() && to <= from);
    std::memmove(bytes_.data() + start_ + to, bytes_.data() + start_ + from, count);
  }
  // Drops bytes from the middle; what follows moves up.
  void cut(std::size_t from, std::size_t count) { bytes_.erase(start_ + from, count); }

  // Frees the memory of an empty buffer, so that idle connections hold none.
  void release_if_empty() {
    if (empty()) std::string().swap(bytes_);  // assignment would keep it
  }

 private:
  std::string bytes_;
  std::size_t start_ = 0;
};

}  // namespace cgisrv
