#include "cgi/deadlines.h"

#include <algorithm>
#include <optional>

namespace cgisrv::cgi {

namespace {

using Duration = Options::Duration;

// The program has exited, but its output has not ended (a child of its own holds it), or the other
// way round: the time for the other half.
constexpr Duration drain_timeout{100};
constexpr Duration exit_timeout{1000};

bool is_program(Awaited whom) {
  return whom == Awaited::header || whom == Awaited::output || whom == Awaited::exit;
}

// None: the limit is elsewhere.
std::optional<Duration> limit_of(Awaited whom, const Options& options) {
  switch (whom) {
    case Awaited::header:
      return options.header_timeout;
    case Awaited::output:
      return options.idle_timeout;
    case Awaited::exit:
      return exit_timeout;
    case Awaited::drain:
      return drain_timeout;
    case Awaited::body:
    case Awaited::reader:
      break;
  }
  return std::nullopt;
}

// Clipped to what the clock can count.
Clock::duration countable(Duration duration) {
  constexpr auto most = std::chrono::duration_cast<Duration>(Clock::duration::max());
  return duration > most ? Clock::duration::max() : Clock::duration(duration);
}

}  // namespace

Awaited awaited(const Progress& progress) {
  if (progress.exited) return progress.unread > 0 ? Awaited::reader : Awaited::drain;
  if (!progress.output_open || progress.broken) return Awaited::exit;
  if (progress.starved) return Awaited::body;
  if (progress.in_head) return Awaited::header;
  return progress.has_room ? Awaited::output : Awaited::reader;
}

Deadlines::Deadlines(Loop& loop, const Options& options, Callback phase_due, Callback total_due)
    : loop_(loop), options_(options), phase_(loop, phase_due), total_(loop, total_due) {}

void Deadlines::start() {
  left_ = countable(options_.timeout);
  turn_to(Awaited::header);
}

void Deadlines::await(Awaited whom, bool progress) {
  const bool anew = progress && whom != Awaited::drain;  // its holder may write on
  if (whom != whom_ || anew) turn_to(whom);
}

// The only place where a timeout begins.
void Deadlines::turn_to(Awaited whom) {
  whom_ = whom;
  if (const auto limit = limit_of(whom, options_)) {
    phase_.arm_after(*limit);
  } else {
    phase_.disarm();
  }
  count_total(is_program(whom));
}

void Deadlines::count_total(bool counts) {
  if (counts == counts_) return;
  counts_ = counts;
  if (counts) {
    counted_since_ = loop_.now();
    return total_.arm_after(left_);
  }
  if (left_ != Clock::duration::max()) left_ -= loop_.now() - counted_since_;
  left_ = std::max(left_, Clock::duration::zero());
  total_.disarm();
}

Duration Deadlines::left() const {
  if (left_ == Clock::duration::max()) return Duration::max();
  const auto spent = counts_ ? loop_.now() - counted_since_ : Clock::duration::zero();
  return std::chrono::duration_cast<Duration>(std::max(left_ - spent, Clock::duration::zero()));
}

}  // namespace cgisrv::cgi
