// What one run of a program uses. The run fills it in as it goes, and closes the account when it is
// over. A callback gets the usage when it is final: the program has been reaped, too, or was never
// started.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "process/child.h"

namespace cgisrv::account {

using Duration = std::chrono::microseconds;

enum class Outcome : std::uint8_t {
  answered,     // its output was a response
  not_started,  // it could not be executed, or a resource for that was lacking
  exit_status,  // exited with a status other than 0 before its header
  bad_header,   // printed no header, or a malformed one
  too_short,    // printed less than its Content-Length
  signal,       // killed by a signal that was not ours
  timeout,      // ended by us: out of time
  client_left,  // ended by us: nobody waits for it
  refused,      // got no permit
  bad_exit,     // answered, then exited with a status other than 0: an error, or its habit
  bad_body,     // ended by us, or not started: the request's body was faulty, too slow or too large
};
inline constexpr unsigned outcomes = 11;

// "answered", "not-started", ...
std::string_view text(Outcome outcome);
// Whether the program is to blame.
bool is_failure(Outcome outcome);

// How the program's process was made.
enum class StartKind : std::uint8_t {
  none,  // it was not, or by another server
  cold,  // executed
  warm,  // forked from its zygote
};

// "", "cold", "warm"
std::string_view text(StartKind start);

struct Usage {
  using Clock = std::chrono::steady_clock;

  std::optional<Duration> queue;   // waited for a permit, until it was granted or the wait was over
  std::optional<Duration> start;   // from the permit until it ran; none: never started
  std::optional<Duration> header;  // from its start to the whole header
  std::optional<Duration> run;     // from its start to the exit
  Clock::time_point began{};       // when it ran
  StartKind started = StartKind::none;
  std::string cold_reason;      // one word; empty unless it could have been warm
  Duration total{};             // from the request to the end of its output
  std::uint64_t bytes_in = 0;   // of the body, to the program
  std::uint64_t bytes_out = 0;  // of its output, header included
  Outcome outcome = Outcome::client_left;
  std::string diagnosis;              // where the program is to blame: one sentence
  std::optional<process::Exit> exit;  // none: never started, or it runs on without us
  bool runs_on = false;  // without us: its exit is not awaited, or it is another server's

  Duration since_start() const {
    return std::chrono::duration_cast<Duration>(Clock::now() - began);
  }
};

struct ProgramStats;

class Account {
 public:
  // For the run, until it closes the account: all but `run`, `total`, `outcome`, `diagnosis` and
  // `exit`.
  Usage usage;

  // Sets the program's counts, to which this account is added.
  void belongs_to(std::shared_ptr<ProgramStats> stats) { stats_ = std::move(stats); }
  // The program is gone; may be called before or after close().
  void reaped(const process::Exit& exit);
  // The run is over. The first outcome counts.
  void close(Outcome outcome, std::string_view diagnosis = {});

  bool is_final() const { return closed_ && (!usage.start || usage.exit || usage.runs_on); }
  // Called once, when it is final. Must be set before that.
  void when_final(std::function<void(const Usage&)> callback) { on_final_ = std::move(callback); }

 private:
  void finish();

  const Usage::Clock::time_point opened_ = Usage::Clock::now();
  std::shared_ptr<ProgramStats> stats_;
  bool closed_ = false;
  std::function<void(const Usage&)> on_final_;
};

}  // namespace cgisrv::account
