#include "http2/sparse_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

namespace cgisrv::http2 {

namespace {

constexpr std::size_t sparse_bytes_min = 16 * 1024;
constexpr std::uintptr_t page_bytes = 4096;  // or a multiple

using Blocks = std::unordered_map<void*, std::size_t>;

Blocks& blocks() {
  static Blocks all;
  return all;
}

// Pages begin at round addresses: of others it is known at once that they are none.
Blocks::iterator block_at(void* at) {
  const bool may_be = reinterpret_cast<std::uintptr_t>(at) % page_bytes == 0;
  return may_be ? blocks().find(at) : blocks().end();
}

void* allocate(std::size_t size, void*) {
  if (size < sparse_bytes_min) return std::malloc(size);
  void* const pages =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return std::malloc(size);  // there may be too many of them
  blocks().emplace(pages, size);
  return pages;
}

void release(void* at, void*) {
  const auto block = block_at(at);
  if (block == blocks().end()) return std::free(at);
  ::munmap(at, block->second);
  blocks().erase(block);
}

void* allocate_zeroed(std::size_t count, std::size_t size, void*) {
  return std::calloc(count, size);
}

void* resize(void* at, std::size_t size, void*) {
  const auto block = block_at(at);
  if (at != nullptr && block == blocks().end()) return std::realloc(at, size);
  void* const moved = allocate(size, nullptr);
  if (at == nullptr || moved == nullptr) return moved;
  std::memcpy(moved, at, std::min(size, block->second));
  release(at, nullptr);
  return moved;
}

}  // namespace

nghttp2_mem* sparse_memory() {
  static nghttp2_mem memory{nullptr, &allocate, &release, &allocate_zeroed, &resize};
  return &memory;
}

}  // namespace cgisrv::http2
