// The start of one request's process, from the request to the message that it has begun.
#include <utility>

#include "base/check.h"
#include "warm/zygotes.h"

namespace cgisrv::warm {

// How long a zygote may take to begin. It may be stopped, or busy.
constexpr auto fork_timeout = std::chrono::seconds(2);

PendingFork::PendingFork(Zygotes& zygotes, Callback decided)
    : zygotes_(zygotes),
      decided_(decided),
      timeout_(zygotes.loop_, Callback::of<&PendingFork::overdue>(*this)) {}

PendingFork::~PendingFork() {
  if (state_ != ForkState::asked) return;
  const auto found = zygotes_.records_.find(id_);
  if (found == zygotes_.records_.end()) return;
  if (found->second.take_back())
    zygotes_.forget(found);
  else
    found->second.pending = nullptr;  // it has begun, and is ended when it reports that
}

void PendingFork::asked(std::uint64_t id) {
  id_ = id;
  state_ = ForkState::asked;
  timeout_.arm_after(fork_timeout);
}

void PendingFork::overdue() {
  Zygotes& zygotes = zygotes_;  // the decision may destroy this
  const auto record = zygotes.records_.find(id_);
  CGISRV_CHECK(record != zygotes.records_.end());
  const auto zygote = record->second.zygote;
  zygotes.hear(*zygote);  // we may be the late ones
  if (state_ != ForkState::asked) return;
  const auto found = zygotes.records_.find(id_);
  CGISRV_CHECK(found != zygotes.records_.end());
  if (found->second.take_back()) {
    zygotes.give_up(found->second, ForkState::failed);
    return zygotes.condemn(*zygote, "it did not answer within two seconds");
  }
  // Its process has the request, and has only to report it; or it was killed before.
  if (std::exchange(overdue_, true)) {
    if (!zygote->control) return zygotes.give_up(found->second, ForkState::lost);
    found->second.pending = nullptr;  // if it reports after all, it is ended
    return decide(ForkState::lost);
  }
  timeout_.arm_after(fork_timeout);
}

void PendingFork::decide(ForkState state) {
  state_ = state;
  timeout_.disarm();
  decided_();
}

}  // namespace cgisrv::warm
