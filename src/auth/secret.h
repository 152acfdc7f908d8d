// Text that is wiped when nobody needs it any more: a password.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace cgisrv::auth {

// Move-only. Moving leaves no copy behind, which std::string would do with a short text.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  Secret(Secret&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  std::string_view view() const { return {bytes_.get(), size_}; }
  const char* c_str() const { return bytes_ ? bytes_.get() : ""; }

 private:
  void wipe();

  std::unique_ptr<char[]> bytes_;  // ends in a NUL
  std::size_t size_ = 0;
};

}  // namespace cgisrv::auth
