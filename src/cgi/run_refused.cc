// Why there was no place for a run, and what the administrator can do about it.
#include <string>
#include <string_view>

#include "cgi/ending.h"
#include "cgi/run.h"

namespace cgisrv::cgi {

using account::Outcome;

void Run::refuse(admission::PendingAdmission::State state, admission::LimitKind held_by) {
  fail(Outcome::refused, 503, fmt::format("{}: {}", script_.filename, why_refused(state, held_by)));
}

std::string Run::why_refused(admission::PendingAdmission::State state,
                             admission::LimitKind held_by) const {
  using enum admission::PendingAdmission::State;
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

std::string Run::why_full(admission::LimitKind held_by) const {
  return fmt::format("{} ({}, queue.size {}); {}",
                     held_by == admission::LimitKind::client
                         ? "its client runs as many as it may, and has no place to wait in"
                         : "no place to run in, and none to wait in",
                     limit_text(held_by), options_.queue.size, advice(held_by, "queue.size"));
}

std::string Run::why_late(admission::LimitKind held_by) const {
  return fmt::format(
      "{}no place became free for it within {} ({}, queue.timeout); {}",
      held_by == admission::LimitKind::client ? "its client runs as many as it may, and " : "",
      seconds_text(options_.queue.timeout), limit_text(held_by), advice(held_by, "queue.timeout"));
}

std::string Run::why_greedy(admission::LimitKind held_by) const {
  const unsigned share = waiting_per_client(options_);
  const bool is_set = options_.queue.per_client != 0;
  // All of the queue is anybody's.
  if (!is_set && share == options_.queue.size) return why_full(held_by);
  return fmt::format(
      "{} as many requests waiting as it may have, {} ({}); {}",
      held_by == admission::LimitKind::client
          ? fmt::format("its client runs as many as it may ({}), and has", limit_text(held_by))
          : fmt::format("no place to run in ({}), and its client has", limit_text(held_by)),
      share,
      is_set ? "queue.per_client"
             : fmt::format("a quarter of queue.size, which is {}; queue.per_client sets it",
                           options_.queue.size),
      advice(held_by, "queue.per_client"));
}

// The limit that held it, with its key.
std::string Run::limit_text(admission::LimitKind held_by) const {
  const unsigned total =
      context_.admission_client != nullptr ? context_.admission_client->total_limit() : 0;
  switch (held_by) {
    case admission::LimitKind::total:
      return fmt::format("max_running {} in [server]", total);
    case admission::LimitKind::client:
      return fmt::format("max_running_per_client {}", options_.max_running_per_client);
    case admission::LimitKind::pressure:
      return fmt::format("pressure in [server], for which {} run for now", total);
    default:
      if (options_.max_running.automatic && pending_admission_)
        return fmt::format("max_running \"auto\", for which {} run for now",
                           pending_admission_->limit());
      return fmt::format("max_running {}", options_.max_running.most);
  }
}

std::string Run::advice(admission::LimitKind held_by, std::string_view queue_key) const {
  using enum admission::LimitKind;
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
