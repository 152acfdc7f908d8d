// A value in shared memory that is written and read without a lock. A reader during a write, or of
// a write that a dead process left half done, or of two writes at once, sees a wrong checksum, and
// gets no value.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

namespace cgisrv::telemetry {

// Zeroed memory is an empty slot.
template <typename T>
class ChecksummedSlot {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  void store(const T& value) {
    Words words{};
    std::memcpy(words.data(), static_cast<const void*>(&value), sizeof value);
    for (std::size_t i = 0; i < words.size(); ++i)
      words_[i].store(words[i], std::memory_order_relaxed);
    checksum_.store(checksum(words), std::memory_order_relaxed);
  }

  std::optional<T> load() const {
    Words words{};
    for (std::size_t i = 0; i < words.size(); ++i)
      words[i] = words_[i].load(std::memory_order_relaxed);
    if (checksum_.load(std::memory_order_relaxed) != checksum(words)) return {};
    T value;
    std::memcpy(static_cast<void*>(&value), words.data(), sizeof value);
    return value;
  }

 private:
  using Words = std::array<std::uint64_t, (sizeof(T) + 7) / 8>;

  static std::uint64_t checksum(const Words& words) {
    std::uint64_t sum = 0x9e3779b97f4a7c15;  // not 0: zeroes are no value
    for (const std::uint64_t word : words) {
      sum = (sum ^ word) * 0xff51afd7ed558ccd;
      sum ^= sum >> 32;
    }
    return sum;
  }

  std::atomic<std::uint64_t> checksum_;
  std::array<std::atomic<std::uint64_t>, Words{}.size()> words_;
};

}  // namespace cgisrv::telemetry
