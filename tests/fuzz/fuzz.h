// What the fuzz targets share. A target is one function over bytes from outside that asserts, with
// CGISRV_CHECK, what must hold for any of them. Linked with libFuzzer it is a fuzzer (preset fuzz);
// linked with replay_test.cc it is a test that reads its corpus again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/check.h"

namespace cgisrv::fuzz {

using Target = void (*)(std::string_view input);

// All targets that are linked in, by name.
inline std::map<std::string_view, Target>& targets() {
  static std::map<std::string_view, Target> all;
  return all;
}

struct Registration {
  Registration(std::string_view name, Target target) { targets().emplace(name, target); }
};

// CGISRV_FUZZ_TARGET(name) { ... input ... }
#define CGISRV_FUZZ_TARGET(name)                                                       \
  static void name##_target(std::string_view input);                                   \
  static const ::cgisrv::fuzz::Registration name##_registration(#name, name##_target); \
  static void name##_target([[maybe_unused]] std::string_view input)

// The same numbers for the same input, so that an input is nothing but the bytes that a parser gets
// and yet is cut into pieces in ever new ways.
class Random {
 public:
  explicit Random(std::string_view input) {
    for (const char c : input)
      state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  // 0 to limit - 1; limit is not 0.
  std::size_t below(std::size_t limit) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::size_t>(state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325;
};

// `whole` as a network would deliver it: in pieces, most of them short.
class Pieces {
 public:
  explicit Pieces(std::string_view whole) : rest_(whole), random_(whole) {}
  bool empty() const { return rest_.empty(); }
  std::string_view next() {
    const auto most = std::size_t{1} << random_.below(10);
    const auto piece = rest_.substr(0, 1 + random_.below(most));
    rest_.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::string_view rest_;
  Random random_;
};

// Takes the values that a target needs besides text off the front of its input; 0 and "" when
// nothing is left.
class Choices {
 public:
  explicit Choices(std::string_view input) : rest_(input) {}
  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  unsigned byte() { return static_cast<unsigned char>(rest_.empty() ? '\0' : take(1)[0]); }
  std::string_view take(std::size_t size) {
    const auto part = rest_.substr(0, size);
    rest_.remove_prefix(part.size());
    return part;
  }
  // Up to the next LF, without it.
  std::string_view line() {
    const auto part = take(rest_.find('\n'));
    take(1);
    return part;
  }

 private:
  std::string_view rest_;
};

// What may stand in one line of a log or on a terminal.
inline bool is_printable(std::string_view s) {
  return std::ranges::none_of(s, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace cgisrv::fuzz
