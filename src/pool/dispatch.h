// Which worker gets the next ticket. Pure, except that it reads counters.
#pragma once

#include <cgisrv/pool.h>

#include <cstdint>
#include <optional>
#include <span>

namespace cgisrv::pool {

struct Candidate {
  bool eligible = false;   // running, responsive, with room
  std::uint32_t load = 0;  // open connections and tickets under way
};

class Chooser {
 public:
  explicit Chooser(Dispatch policy) : policy_(policy) {}

  // Index of the chosen worker; nothing when no worker is eligible.
  std::optional<unsigned> choose(std::span<const Candidate> candidates);

 private:
  Dispatch policy_;
  unsigned next_ = 0;
};

}  // namespace cgisrv::pool
