#include "http2/budget.h"

namespace cgisrv::http2 {

bool Budget::spend(TimePoint now, double tokens) {
  if (filled_ != TimePoint{})
    earn(per_second_ * std::chrono::duration<double>(now - filled_).count());
  filled_ = now;
  if (left_ < tokens) return false;
  left_ -= tokens;
  return true;
}

}  // namespace cgisrv::http2
