// How a run ends: well, or how it failed, and the message for that.
#include <sys/ioctl.h>

#include <csignal>

#include "base/log.h"
#include "cgi/ending.h"
#include "cgi/run.h"
#include "process/busy_time.h"

namespace cgisrv::cgi {

using Duration = Options::Duration;
using account::Outcome;

namespace {
constexpr unsigned error_reads_max = 16;  // enough for any usual pipe, and a limit for any other
}

void Run::exited() {
  if (!over() && reap()) pump();
  await();
}

// Returns whether the program has ended.
bool Run::reap() {
  if (exit_) return true;
  exit_ = child_.try_wait();
  if (!exit_) return false;
  exit_watch_.forget();  // its pidfd has been closed
  if (stdin_) ignore_body();
  int unread = 0;
  if (stdout_ && ::ioctl(stdout_.get(), FIONREAD, &unread) == 0)
    own_output_ = static_cast<std::uint64_t>(unread);
  // If it was not watched, everything that the pipe can hold may still be there.
  for (unsigned reads = 0; stderr_ && reads < error_reads_max && read_errors(); ++reads) {
  }
  return true;
}

void Run::complete() {
  close_stderr();
  if (in_head() || is_broken()) {
    if (exit_ && !exit_->success() && (exit_->signalled || !relay_.has_output()))
      return fail(exit_->signalled ? Outcome::signal : Outcome::exit_status, 502,
                  ending(*exit_, "before it printed a header"), relay_.excerpt());
    relay_.end();
    if (is_broken()) return fail_head();
  }
  if (exit_ && exit_->signalled) {
    if (relay_.hands_on())
      return fail(Outcome::signal, 502,
                  ending(*exit_, "after its header, which names what to send"));
    return cut(Outcome::signal,
               ending(*exit_, has_left_ ? "after its response"
                                        : "after its header, so that the response is cut"));
  }
  conclude();
}

const process::Exit* Run::bad_exit() const {
  return exit_ && !exit_->success() ? &*exit_ : nullptr;
}

std::string Run::bad_end() const {
  return bad_exit() != nullptr ? bad_exit()->text() : std::string();
}

// Its response stands, whatever its exit status. But that may indicate an error in the middle.
void Run::close_well() {
  if (const auto* exit = bad_exit()) note(log::Level::notice, ending(*exit, "after its response"));
  close(bad_exit() ? Outcome::bad_exit : Outcome::answered);
}

// How the program ended, why, and the remedy.
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

void Run::phase_due() {
  if (exit_ || !stdout_) {
    // The other half of the join does not come: a child of the program holds its output, or the
    // program works on without it. Neither delays the response. But an incomplete body must not end
    // too early for the program.
    stdout_.reset();
    if (stdin_) {
      note(log::Level::notice,
           fmt::format("{}: ended, since it closed its output before it had all of its "
                       "request's body",
                       script_.filename));
      leave();
    } else {
      let_go();
    }
    return complete();
  }
  // No event reported that it has read the whole body so far.
  if (starved_ && unread_input() == 0) return await();
  if (in_head())
    return overdue("printed no header", "header_timeout", options_.header_timeout, silence());
  overdue("printed nothing", "idle_timeout", options_.idle_timeout);
}

// It may run on until its total time is over.
void Run::let_go() {
  exit_watch_.cancel();  // the reaper watches from here on
  context_.reaper.release(std::move(child_), deadlines_.left(), options_.grace);
  account_->usage.runs_on = true;
}

void Run::leave() {
  if (child_ && stderr_) read_errors();  // its last output
  stderr_log_.end();
  exit_watch_.cancel();  // as above
  context_.reaper.end(std::move(child_), options_.grace);
}

// What is known of a program that has not printed anything yet; empty: it has.
std::string_view Run::silence() const {
  if (relay_.has_output()) return {};
  return explain_silence(options_.header_timeout, process::busy_time(child_.pid()));
}

void Run::overdue(std::string_view what, std::string_view limit, Duration duration,
                  std::string_view why) {
  std::string reason = fmt::format(
      "{}: {} within {} ({}), and was ended; {}{}{} {} if it needs longer{}", script_.filename,
      what, seconds_text(duration), limit, why, why.empty() ? "" : "; ",
      options_.by_file ? "raise" : "serve by a configuration with a larger", limit,
      why.empty() ? ""
                  : "; what it has printed may still be in its buffer: let it flush (Python: "
                    "print(..., flush=True))");
  fail_or_cut(Outcome::timeout, 504, std::move(reason));
}

void Run::add_to(handler::Failure& failure) const {
  if (!exit_) return;
  failure.exit = exit_->text();
  if (const auto lost = lost_privileges(script_, options_); !lost.empty())
    failure.reason += "; " + lost;
}

}  // namespace cgisrv::cgi
