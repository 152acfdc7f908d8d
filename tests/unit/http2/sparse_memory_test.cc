#include "http2/sparse_memory.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace cgisrv::http2 {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t large = 5 * page;

// How many pages of it the kernel has given. Only what is mapped by itself begins with a page.
std::size_t pages_used(void* at) {
  std::array<unsigned char, large / page> there{};
  EXPECT_EQ(::mincore(at, large, there.data()), 0);
  return static_cast<std::size_t>(std::ranges::count(there, 1));
}

TEST(SparseMemory, ALargeBlockTakesThePagesThatAreUsed) {
  nghttp2_mem& memory = *sparse_memory();
  auto* const block = static_cast<char*>(memory.realloc(nullptr, large, nullptr));
  EXPECT_EQ(pages_used(block), 0U);
  std::strcpy(block, "head");
  EXPECT_EQ(pages_used(block), 1U);
  memory.free(block, nullptr);
  EXPECT_EQ(::msync(block, page, MS_ASYNC), -1);  // it is no longer mapped
}

TEST(SparseMemory, BlocksGrowAndShrinkWithWhatTheyHold) {
  nghttp2_mem& memory = *sparse_memory();
  auto* block = static_cast<char*>(memory.malloc(10, nullptr));
  std::strcpy(block, "some text");
  for (const std::size_t size : {std::size_t{100}, large, 2 * large, std::size_t{200}}) {
    block = static_cast<char*>(memory.realloc(block, size, nullptr));
    EXPECT_STREQ(block, "some text") << size;
  }
  memory.free(block, nullptr);
  memory.free(nullptr, nullptr);
  auto* const zeroed = static_cast<char*>(memory.calloc(3, 5, nullptr));
  EXPECT_EQ(std::string_view(zeroed, 15), std::string_view(std::string(15, '\0')));
  memory.free(zeroed, nullptr);
}

}  // namespace
}  // namespace cgisrv::http2
