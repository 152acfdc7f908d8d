// How a call ends: well, or how it failed, and the message for that.
#include <fmt/format.h>

#include <utility>

#include "backend/call.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "cgi/ending.h"

namespace cgisrv::backend {

using account::Outcome;
using Duration = cgi::Options::Duration;
using fastcgi::EndStatus;

std::string Call::who() const {
  return fmt::format("{} server {}", name_of(target_.protocol), target_.address);
}

// The server says so, FastCGI.
void Call::ended(const fastcgi::End& end) {
  switch (end.status) {
    case EndStatus::complete:
      return complete();
    case EndStatus::overloaded:
      return fail(
          Outcome::refused, 503,
          fmt::format("{}: the {} says that it is overloaded; let it run more at a time, or "
                      "lower max_running, so that requests wait here",
                      script_.filename, who()));
    default:
      return fail(Outcome::not_started, 502,
                  fmt::format("{}: the {} refuses the request (protocol status {}); it must be one "
                              "that answers requests (the role RESPONDER)",
                              script_.filename, who(), std::to_underlying(end.status)));
  }
}

void Call::complete() {
  stderr_log_.end();
  if (in_head() || is_broken()) {
    if (end_ && end_->application_status != 0 && !relay_.has_output())
      return fail(Outcome::exit_status, 502,
                  fmt::format("{}: it ended with status {} before it printed a header{}",
                              script_.filename, end_->application_status,
                              stderr_log_.tail().empty() ? "; the log of its server may say why"
                                                         : "; its standard error says why"));
    relay_.end();
    if (is_broken()) return fail_head();
  }
  conclude();
}

std::string Call::bad_end() const {
  if (!end_ || end_->application_status == 0) return {};
  return fmt::format("status {}", end_->application_status);
}

// Its response stands, whatever its status. But that may indicate an error in the middle.
void Call::close_well() {
  const std::string bad = bad_end();
  if (!bad.empty())
    note(log::Level::notice,
         fmt::format("{}: it ended with {} after its response", script_.filename, bad));
  if (!body_sent_) intake_.discard();
  keep_connection();
  close(!bad.empty() ? Outcome::bad_exit : Outcome::answered);
}

void Call::keep_connection() {
  if (target_.keep_connections > 0 && answer_.has_ended() && !says_more_ && body_sent_ &&
      !is_refused_ && unsent_.empty())
    idle_.keep(target_.address, {socket_.release(), connected_since_}, target_.keep_connections);
  socket_.reset();
}

// What it has cost is not known: the account does not wait for it.
void Call::close(Outcome outcome, std::string_view diagnosis) {
  socket_.reset();
  account::Usage& usage = account_->usage;
  if (usage.start) {
    usage.run = usage.since_start();
    usage.runs_on = true;
  }
  Responder::close(outcome, diagnosis);
  permit_.give_back();
}

void Call::phase_due() {
  if (in_head())
    return overdue(
        "printed no header", "header_timeout", options_.header_timeout,
        relay_.has_output()
            ? ""
            : "nothing has arrived: it takes long, or every process of its server is busy with "
              "other requests (php-fpm: pm.max_children)");
  overdue("printed nothing", "idle_timeout", options_.idle_timeout);
}

void Call::overdue(std::string_view what, std::string_view limit, Duration duration,
                   std::string_view why) {
  std::string reason = fmt::format(
      "{}: {} within {} ({}); its connection to {} was closed; raise {} if it needs longer{}{}",
      script_.filename, what, cgi::seconds_text(duration), limit, target_.address, limit,
      why.empty() ? "" : "; ", why);
  fail_or_cut(Outcome::timeout, 504, std::move(reason));
}

// The connection ended before the answer did, or what came is no answer.
void Call::lost(int error) {
  std::string why = answer_.problem();
  if (why.empty())
    why = fmt::format(
        "it closed the connection {}{}; it may have crashed, or was restarted meanwhile: its log "
        "may say why",
        !has_answered_ ? "without an answer"
        : in_head()    ? "within the header of its answer"
                       : "in the middle of its answer",
        error != 0 ? fmt::format(" ({})", errno_text(error)) : std::string());
  std::string reason = fmt::format("{}: {}: {}", script_.filename, who(), why);
  if (has_left_) {
    note(log::Level::notice, reason + ", after its response");
    close(Outcome::bad_exit);
    return exchange_.finish();
  }
  if (!in_head() && !is_broken() && !relay_.hands_on()) reason += "; the response is cut";
  fail_or_cut(Outcome::too_short, 502, std::move(reason), relay_.excerpt());
}

}  // namespace cgisrv::backend
