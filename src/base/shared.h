// Memory that a process shares with all that it forks.
#pragma once

#include <sys/mman.h>

#include <memory>
#include <new>
#include <type_traits>

#include "base/check.h"

namespace cgisrv {

struct UnmapShared {
  std::size_t bytes = 0;
  void operator()(void* memory) const { ::munmap(memory, bytes); }
};
using SharedPages = std::unique_ptr<void, UnmapShared>;

// All zero. Unwritten pages take no memory.
inline SharedPages shared_pages(std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) cannot_begin("shared memory");
  return {memory, UnmapShared{bytes}};
}

// T is made of atomics, and begins as zeros. Never destroyed, only unmapped: other processes may
// still use it.
template <typename T>
class Shared {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  T* operator->() const { return static_cast<T*>(pages_.get()); }
  T& operator*() const { return *operator->(); }

 private:
  SharedPages pages_ = shared_pages(sizeof(T));
};

}  // namespace cgisrv
