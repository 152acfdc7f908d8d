// A queue of bytes: in at the back, out at the front.
#pragma once

#include <cstddef>
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
  // For writers that append to a string. Only the end may change.
  std::string& back() { return bytes_; }

  // Memory is moved together only when half of it is waste, so that dropping stays linear.
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

  // An empty buffer gives its memory back, so that idle connections hold none.
  void release_if_empty() {
    if (empty()) std::string().swap(bytes_);  // assignment would keep it
  }

 private:
  std::string bytes_;
  std::size_t start_ = 0;
};

}  // namespace cgisrv
