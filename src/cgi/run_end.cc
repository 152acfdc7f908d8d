// How a run ends: well, or how it failed, and what is said of it.
#include <sys/ioctl.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "cgi/ending.h"
#include "cgi/run.h"

namespace cgisrv::cgi {

using Duration = Options::Duration;
using account::Outcome;

namespace {
constexpr unsigned error_reads_max = 16;  // enough for any usual pipe, and an end for any other
}

void Run::exited(std::uint32_t) {
  if (!over() && reap()) pump_output();
}

// Returns whether the program has ended.
bool Run::reap() {
  if (exit_) return true;
  exit_ = child_.try_wait();
  if (!exit_) return false;
  exit_watch_.forget();  // its pidfd has been closed
  if (stdin_) ignore_body();
  total_timer_.disarm();
  phase_timer_.disarm();
  int unread = 0;
  if (stdout_ && ::ioctl(stdout_.get(), FIONREAD, &unread) == 0)
    own_output_ = static_cast<std::uint64_t>(unread);
  // Of one that has not been watched, all that the pipe can hold is still there.
  for (unsigned reads = 0; stderr_ && reads < error_reads_max && read_errors(); ++reads) {
  }
  return true;
}

void Run::complete() {
  close_stderr();
  if (in_head()) {
    if (exit_ && !exit_->success() && (exit_->signalled || relay_.collected().empty()))
      return fail(exit_->signalled ? Outcome::signal : Outcome::exit_status, 502,
                  ending(*exit_, "before it printed a header"), relay_.collected());
    relay_.end();
    if (relay_.phase() == Relay::Phase::broken) return fail_head();
  }
  if (exit_ && exit_->signalled && relay_.redirects())
    return fail(Outcome::signal, 502, ending(*exit_, "after its Location"));
  if (exit_ && exit_->signalled)
    return cut(Outcome::signal,
               ending(*exit_, has_left_ ? "after its response"
                                        : "after its header, so that the response is cut"));
  if (exit_ && !exit_->success())
    log::write(log::Level::notice, request_id_,
               fmt::format("{}: ended with {}", script_.filename, exit_->text()));
  if (const auto missing = exchange_->missing(); missing != 0)
    return cut(Outcome::too_short,
               fmt::format("{}: its output ended {} bytes short of its Content-Length; the "
                           "response is cut",
                           script_.filename, missing));
  state_ = State::over;
  account_->close(Outcome::answered);
  if (relay_.redirects()) return relay_.redirect();
  exchange_->finish();
}

// How the program ended, why, and what to do.
std::string Run::ending(const process::Exit& exit, std::string_view when) const {
  const bool killed = exit.signalled && exit.code == SIGKILL;
  const std::string why =
      explain_ending({.exit = exit,
                      .script = script_,
                      .options = options_,
                      .stderr_tail = stderr_log_.tail(),
                      .memory_ran_out = killed && context_.oom_kills.count() > oom_kills_});
  return fmt::format("{}: {} {}: {}", script_.filename, exit.text(), when, why);
}

void Run::phase_due(std::uint32_t) {
  if (over()) return;
  if (exit_ || !stdout_) {
    // The other half of the join is not coming: a child of the program holds its output, or it
    // works on without it. Neither keeps the response. But a body that has not come through whole
    // must not end too early for it.
    stdout_.reset();
    if (stdin_) {
      log::write(log::Level::notice, request_id_,
                 fmt::format("{}: ended, since it closed its output before it had all of its "
                             "request's body",
                             script_.filename));
      end_child();
    } else {
      let_go();
    }
    return complete();
  }
  if (in_head()) return overdue("printed no header", "header_timeout", options_.header_timeout);
  overdue("printed nothing", "idle_timeout", options_.idle_timeout);
}

// It may run on for as long as it may run in all.
void Run::let_go() {
  const auto ran = std::chrono::duration_cast<Duration>(context_.loop.now() - started_);
  exit_watch_.cancel();  // the reaper watches from here on
  context_.reaper.release(std::move(child_), std::max(options_.timeout - ran, Duration::zero()),
                          options_.grace);
  account_->let_go();
}

void Run::end_child() {
  if (child_ && stderr_) read_errors();  // its last words
  stderr_log_.end();
  exit_watch_.cancel();  // as above
  context_.reaper.end(std::move(child_), options_.grace);
}

void Run::total_due(std::uint32_t) {
  if (!over()) overdue("did not end", "timeout", options_.timeout);
}

void Run::overdue(std::string_view what, std::string_view limit, Duration duration) {
  std::string reason =
      fmt::format("{0}: {1} within {2} ({3}); it was ended; raise {3} if it needs longer",
                  script_.filename, what, seconds_text(duration), limit);
  if (in_head() || relay_.redirects()) return fail(Outcome::timeout, 504, std::move(reason));
  cut(Outcome::timeout, reason);
}

void Run::fail(Outcome outcome, int status, std::string reason, std::string_view output_head) {
  state_ = State::over;
  end_child();
  if (exit_)
    if (const auto lost = lost_privileges(script_, options_); !lost.empty()) reason += "; " + lost;
  account_->close(outcome, reason);
  exchange_->fail({.status = status,
                   .reason = std::move(reason),
                   .exit = exit_ ? exit_->text() : std::string(),
                   .stderr_tail = stderr_log_.tail(),
                   .output_head = std::string(output_head.substr(0, 1024))});
}

void Run::fail_head() {
  fail(Outcome::bad_header, 502, fmt::format("{}: {}", script_.filename, relay_.problem()),
       relay_.collected());
}

void Run::cut(Outcome outcome, const std::string& reason) {
  log::write(log::Level::warn, request_id_, reason);
  state_ = State::over;
  account_->close(outcome, reason);
  end_child();  // now: what the client still has to take may keep us for long
  exchange_->abort();
}

}  // namespace cgisrv::cgi
