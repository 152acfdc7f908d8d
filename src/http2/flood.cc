#include "http2/flood.h"

namespace cgisrv::http2 {

void FloodGuard::spend(Budget& budget, TimePoint now, std::string_view problem) {
  if (!budget.spend(now, 1) && problem_.empty()) problem_ = problem;
}

void FloodGuard::reset(TimePoint now) {
  spend(resets_, now, "too many requests that end by a reset");
}

void FloodGuard::control(TimePoint now) {
  spend(controls_, now, "too many frames of SETTINGS, PING or priorities");
}

void FloodGuard::empty(TimePoint now) {
  spend(empties_, now, "too many empty frames");
}

void FloodGuard::window_update(TimePoint now) {
  spend(window_updates_, now, "too many frames of WINDOW_UPDATE");
}

// A head that is only somewhat too large is refused, and the connection goes on.
void FloodGuard::head(std::size_t bytes, std::size_t bytes_max) {
  constexpr std::size_t factor = 16;
  if (bytes > factor * bytes_max && problem_.empty()) problem_ = "a head that is far too large";
}

}  // namespace cgisrv::http2
