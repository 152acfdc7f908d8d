// What one run of a program uses. The run writes it; a callback gets it when it is final: the run
// is over, and its program has been reaped, or was never started.
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
  none,  // it was not
  cold,  // executed
  warm,  // forked from its zygote
};

// "", "cold", "warm"
std::string_view text(StartKind start);

// From getrusage(2); includes the program's children that it waited for.
Duration user_time(const process::Exit& exit);
Duration system_time(const process::Exit& exit);

struct Usage {
  std::optional<Duration> queue;   // waited for a permit
  std::optional<Duration> start;   // from the permit until it ran; none: never started
  std::optional<Duration> header;  // from its start to the whole header
  std::optional<Duration> run;     // from its start to the exit
  StartKind started = StartKind::none;
  std::string cold_reason;      // one word; empty unless it could have been warm
  Duration total{};             // from the request to the end of its output
  std::uint64_t bytes_in = 0;   // of the body, to the program
  std::uint64_t bytes_out = 0;  // of its output, header included
  Outcome outcome = Outcome::client_left;
  std::string diagnosis;              // where the program is to blame: one sentence
  std::optional<process::Exit> exit;  // none: never started, or it runs on without us
};

struct ProgramStats;

class Account {
 public:
  using Clock = std::chrono::steady_clock;

  const Usage& usage() const { return usage_; }
  // Sets the program's counts, to which this account is added.
  void belongs_to(std::shared_ptr<ProgramStats> stats) { stats_ = std::move(stats); }

  // ---- in this order; some may never be called
  void asks();    // for a permit
  void waited();  // for one, until it was granted or the wait was over
  // `why` it is cold, where it was to be warm: one word, for the log.
  void started(StartKind start, std::string_view why = {});
  void header_whole();
  void read(std::uint64_t bytes) { usage_.bytes_out += bytes; }
  void wrote(std::uint64_t bytes) { usage_.bytes_in += bytes; }
  // The program is gone; may be called before or after close().
  void reaped(const process::Exit& exit);
  // The program runs on without us: its end is not awaited.
  void let_go();
  // The run is over. The first outcome counts.
  void close(Outcome outcome, std::string_view diagnosis = {});

  bool is_final() const { return closed_ && (!usage_.start || usage_.exit || let_go_); }
  // Called once, when it is final. Must be set before that.
  void when_final(std::function<void(const Usage&)> callback) { on_final_ = std::move(callback); }

 private:
  Duration lap();
  void finish();

  Clock::time_point opened_ = Clock::now();
  Clock::time_point mark_ = opened_;  // the end of the last span
  Usage usage_;
  std::shared_ptr<ProgramStats> stats_;
  bool closed_ = false;
  bool let_go_ = false;
  std::function<void(const Usage&)> on_final_;
};

}  // namespace cgisrv::account
