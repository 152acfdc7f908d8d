// A value that a process has in common with all that it forks.
#pragma once

#include <sys/mman.h>

#include <memory>
#include <new>
#include <type_traits>

#include "base/check.h"

namespace cgisrv {

// T is made of atomics. Never destroyed, only unmapped: others may still use it.
template <typename T>
class Shared {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  Shared() {
    void* const memory =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) cannot_begin("shared memory");
    value_.reset(new (memory) T());
  }
  T* operator->() const { return value_.get(); }
  T& operator*() const { return *value_; }

 private:
  struct Unmap {
    void operator()(T* value) const { ::munmap(value, sizeof(T)); }
  };
  std::unique_ptr<T, Unmap> value_;
};

}  // namespace cgisrv
