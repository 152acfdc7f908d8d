#include "pool/dispatch.h"

namespace cgisrv::pool {

std::optional<unsigned> Chooser::choose(std::span<const Candidate> candidates) {
  const auto count = static_cast<unsigned>(candidates.size());
  std::optional<unsigned> best;
  for (unsigned step = 0; step < count; ++step) {
    const unsigned index = (next_ + step) % count;  // ties go round as well
    if (!candidates[index].eligible) continue;
    if (!best || candidates[index].load < candidates[*best].load) best = index;
    if (policy_ == Dispatch::round_robin) break;
  }
  if (best) next_ = (*best + 1) % count;
  return best;
}

}  // namespace cgisrv::pool
