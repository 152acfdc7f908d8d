// What one parser makes of a request's head, in terms that all three share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cgisrv::differential {

// For all alike: size is no matter of opinion.
inline constexpr std::uint32_t head_bytes_max = 1 << 20;

struct Opinion {
  enum class Verdict : std::uint8_t { incomplete, accepted, refused };
  Verdict verdict = Verdict::incomplete;
  int status = 0;   // refused by us: the answer
  std::string why;  // refused: the parser's own reason

  // The rest only where it is accepted.
  std::size_t bytes = 0;  // of the head
  std::string method;
  std::string target;
  unsigned version = 11;                                    // 10 times major, and minor
  std::vector<std::pair<std::string, std::string>> fields;  // values without space around them
  bool chunked = false;
  std::optional<std::uint64_t> length;
  bool keep_alive = false;

  bool accepted() const { return verdict == Verdict::accepted; }
};

Opinion ask_ours(std::string_view input);
Opinion ask_beast(std::string_view input);
// Strict, and alone: without what our parser checks before it asks.
Opinion ask_llhttp(std::string_view input);

}  // namespace cgisrv::differential
