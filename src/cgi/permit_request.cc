#include "cgi/permit_request.h"

#include <fmt/format.h>

#include "base/check.h"
#include "cgi/ending.h"

namespace cgisrv::cgi {

admission::AdmissionRequest PermitRequest::request() const {
  return {.location = options_.location,
          .file = file_,
          .client = client_,
          .warm = options_.warm.enabled,
          .limits = {.max_running = options_.max_running.most,
                     .automatic = options_.max_running.automatic,
                     .max_running_per_client = options_.max_running_per_client,
                     .queue_size = options_.queue.size,
                     .queue_per_client = waiting_per_client(options_)},
          .timeout = options_.queue.timeout};
}

std::string PermitRequest::refused_beforehand() {
  if (admission_client_ == nullptr) return {};
  const auto held_by = admission_client_->refuses(request());
  return held_by ? why(State::full, *held_by) : std::string();
}

void PermitRequest::enter() {
  if (admission_client_ == nullptr) return decided_();
  pending_.emplace(*admission_client_, decided_);
  if (pending_->enter(request()) != State::waiting) decided_();
}

bool PermitRequest::is_admitted() const {
  return admission_client_ == nullptr || (pending_ && pending_->state() == State::admitted);
}

bool PermitRequest::has_waited() const {
  return pending_ &&
         (pending_->state() == State::timed_out || pending_->state() == State::unanswered);
}

std::string PermitRequest::why_refused() const {
  CGISRV_CHECK(pending_.has_value());
  return why(pending_->state(), pending_->held_by());
}

admission::Permit PermitRequest::take() {
  return pending_ ? pending_->take() : admission::Permit();
}

std::shared_ptr<account::ProgramStats> PermitRequest::stats() const {
  if (pending_) return pending_->stats();
  return admission_client_ != nullptr ? admission_client_->stats(request()) : nullptr;
}

// Decided by AdmissionClient and PendingAdmission, by what they see, or by the master's
// AdmissionScheduler::ask().
std::string PermitRequest::why(State state, LimitKind held_by) const {
  using enum State;
  switch (state) {
    case timed_out:
      return why_late(held_by);
    case unanswered:
      return fmt::format(
          "the master process has not answered within {}, so that nobody knows of a "
          "place for it; it is stopped, or short of memory or processor time",
          seconds_text(admission::opening_timeout));
    case greedy:
      return why_greedy(held_by);
    case crowded:
      return fmt::format(
          "{} other programs run or wait, and more are not told apart; {}", admission::programs_max,
          options_.by_file
              ? "shorten queue.timeout or queue.size, so that fewer wait, or raise max_running"
              : "try again when fewer wait");
    default:
      return why_full(held_by);
  }
}

std::string PermitRequest::why_full(LimitKind held_by) const {
  return fmt::format("{} ({}, queue.size {}); {}",
                     held_by == LimitKind::client
                         ? "its client runs as many as it may, and has no place to wait in"
                         : "no place to run in, and none to wait in",
                     limit_text(held_by), options_.queue.size, advice(held_by, "queue.size"));
}

std::string PermitRequest::why_late(LimitKind held_by) const {
  return fmt::format("{}no place became free for it within {} ({}, queue.timeout); {}",
                     held_by == LimitKind::client ? "its client runs as many as it may, and " : "",
                     seconds_text(options_.queue.timeout), limit_text(held_by),
                     advice(held_by, "queue.timeout"));
}

std::string PermitRequest::why_greedy(LimitKind held_by) const {
  const unsigned share = waiting_per_client(options_);
  const bool is_set = options_.queue.per_client != 0;
  // All of the queue is anybody's.
  if (!is_set && share == options_.queue.size) return why_full(held_by);
  return fmt::format(
      "{} as many requests waiting as it may have, {} ({}); {}",
      held_by == LimitKind::client
          ? fmt::format("its client runs as many as it may ({}), and has", limit_text(held_by))
          : fmt::format("no place to run in ({}), and its client has", limit_text(held_by)),
      share,
      is_set ? "queue.per_client"
             : fmt::format("a quarter of queue.size, which is {}; queue.per_client sets it",
                           options_.queue.size),
      advice(held_by, "queue.per_client"));
}

// The limit that held it, with its key.
std::string PermitRequest::limit_text(LimitKind held_by) const {
  const unsigned total = admission_client_ != nullptr ? admission_client_->total_limit() : 0;
  switch (held_by) {
    case LimitKind::total:
      return fmt::format("max_running {} in [server]", total);
    case LimitKind::client:
      return fmt::format("max_running_per_client {}", options_.max_running_per_client);
    case LimitKind::pressure:
      return fmt::format("pressure in [server], for which {} run for now", total);
    default:
      if (options_.max_running.automatic && pending_)
        return fmt::format("max_running \"auto\", for which {} run for now", pending_->limit());
      return fmt::format("max_running {}", options_.max_running.most);
  }
}

std::string PermitRequest::advice(LimitKind held_by, std::string_view queue_key) const {
  using enum LimitKind;
  const std::string_view raise =
      options_.by_file ? "raise" : "serve by a configuration with a larger";
  // More at a time would not be more in an hour.
  if (held_by == program && options_.max_running.automatic)
    return fmt::format("{} {}", raise, queue_key);
  const std::string_view key = held_by == total      ? "max_running in [server]"
                               : held_by == pressure ? "pressure in [server]"
                               : held_by == client   ? "max_running_per_client"
                                                     : "max_running";
  return fmt::format("{} {} or {}", raise, key, queue_key);
}

}  // namespace cgisrv::cgi
