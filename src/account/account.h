// What one run of a program costs. The run writes it as it goes; who charges for it is told when it
// is settled: the run is over, and its program has been reaped, or was never started.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "process/child.h"

namespace cgisrv::account {

using Duration = std::chrono::microseconds;

enum class Outcome : std::uint8_t {
  answered,     // what it printed was a response
  not_started,  // it could not be executed, or nothing was left to do that with
  exit_status,  // ended with a status other than 0 before its header
  bad_header,   // printed no header, or a malformed one
  too_short,    // printed less than its Content-Length
  signal,       // killed by a signal that was not ours
  timeout,      // ended by us, for want of time
  client_left,  // ended by us, since nobody waits for it
  refused,      // found no place to run
  bad_body,     // ended by us, or not started: its request's body was faulty, too slow or too large
};
inline constexpr unsigned outcomes = 10;

// "answered", "not-started", ...
std::string_view text(Outcome outcome);
// Whether the program is to blame.
bool is_failure(Outcome outcome);

// How its program came to be.
enum class Start : std::uint8_t {
  none,  // it never did
  cold,  // executed
  warm,  // forked from its zygote
};

// "", "cold", "warm"
std::string_view text(Start start);

// From getrusage(2); with the program's own children, as far as it waited for them.
Duration user_time(const process::Exit& exit);
Duration system_time(const process::Exit& exit);

struct Costs {
  std::optional<Duration> queue;   // waited for a place
  std::optional<Duration> start;   // from the place until it ran; none: never started
  std::optional<Duration> header;  // from there to the whole header
  std::optional<Duration> run;     // from its start to the exit
  Start started = Start::none;
  std::string cold_reason;      // one word; empty unless it could have been warm
  Duration total{};             // from the request to the end of its output
  std::uint64_t bytes_in = 0;   // of the body, to the program
  std::uint64_t bytes_out = 0;  // printed by it, header included
  Outcome outcome = Outcome::client_left;
  std::string diagnosis;              // where the program is to blame: one sentence
  std::optional<process::Exit> exit;  // none: never started, or it runs on without us
};

struct Figures;

class Account {
 public:
  using Clock = std::chrono::steady_clock;

  const Costs& costs() const { return costs_; }
  // Those of its program, which gain by this account.
  void belongs_to(Figures& figures) { figures_ = &figures; }

  // ---- in this order, some of them perhaps never
  void asks();    // for a place
  void waited();  // for one, until it was there or the time for that was over
  // `why` it is cold, where it was to be warm: one word, for the log.
  void started(Start start, std::string_view why = {});
  void header_whole();
  void read(std::uint64_t bytes) { costs_.bytes_out += bytes; }
  void wrote(std::uint64_t bytes) { costs_.bytes_in += bytes; }
  // The program is gone; may come before or after close().
  void reaped(const process::Exit& exit);
  // It works on without us: its end is not waited for.
  void let_go();
  // The run is over. The first outcome counts.
  void close(Outcome outcome, std::string_view diagnosis = {});

  bool settled() const { return closed_ && (!costs_.start || costs_.exit || let_go_); }
  // Called once, when it is settled; it must not be already.
  void when_settled(std::function<void(const Costs&)> callback) { charge_ = std::move(callback); }

 private:
  Duration lap();
  void settle();

  Clock::time_point opened_ = Clock::now();
  Clock::time_point mark_ = opened_;  // the end of the last span
  Costs costs_;
  Figures* figures_ = nullptr;
  bool closed_ = false;
  bool let_go_ = false;
  std::function<void(const Costs&)> charge_;
};

}  // namespace cgisrv::account
