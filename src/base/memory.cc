#include "base/memory.h"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <new>
#include <string_view>
#include <thread>
#include <utility>

namespace cgisrv::memory {

namespace {

constexpr std::size_t reserve_bytes = 1 << 20;
constexpr unsigned tries_max = 100;
constexpr std::chrono::milliseconds pause{10};
constexpr std::size_t unused_bytes_max = 8 << 20;

void* reserve = nullptr;
unsigned tries = 0;

void relieve() {
  if (reserve != nullptr) return std::free(std::exchange(reserve, nullptr));
  if (++tries <= tries_max) return std::this_thread::sleep_for(pause);
  constexpr std::string_view last_words = "cgisrv: no memory is left; this process ends\n";
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, last_words.data(), last_words.size());
  std::abort();
}

}  // namespace

void keep_reserve() {
  sufficient();
  std::set_new_handler(relieve);
}

bool sufficient() {
  if (reserve != nullptr) return true;
  reserve = std::malloc(reserve_bytes);
  if (reserve != nullptr) tries = 0;
  return reserve != nullptr;
}

void give_back_unused() {
#ifdef __GLIBC__
  if (::mallinfo2().fordblks > unused_bytes_max) ::malloc_trim(0);
#endif
}

}  // namespace cgisrv::memory
