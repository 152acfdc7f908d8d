// The first bytes of a stream, and how many there were.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cgisrv::exec {

class BoundedCapture {
 public:
  // A program that prints more than this does not fill our memory.
  static constexpr std::size_t bytes_max = 1 << 20;

  void add(std::string_view more) {
    bytes_.append(more.substr(0, bytes_max - bytes_.size()));
    total_ += more.size();
  }
  const std::string& bytes() const { return bytes_; }
  std::uint64_t total() const { return total_; }
  bool whole() const { return total_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::uint64_t total_ = 0;
};

}  // namespace cgisrv::exec
