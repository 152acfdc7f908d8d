// How many processes of one program run at a time, found from what they do: max_running = "auto".
// Pure: it knows no clock, no kernel and no other program. docs/decisions/0030-auto-limit.md has
// the reasons, bench/simulate_limits the same in Python, beside other policies.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace cgisrv::admission {

// Why the limit is what it is.
enum class LimitReason : std::uint8_t {
  unknown,  // nothing is known of the program yet
  busy,     // so many keep the program's share of the processors busy
  brief,    // its runs are so short that the kernel may queue this many
  growing,  // more would be useful, and the limit is on its way there
  max,      // more would be useful; the configuration allows no more
};
inline constexpr unsigned limit_reasons = 5;

// "unknown", "busy", ...
std::string_view text(LimitReason reason);

// What was seen of a program since the last step.
struct Activity {
  unsigned running = 0;
  unsigned waiting = 0;
  // Of the processes that run, the share that computes or waits for a processor; 0 to 1. None: it
  // could not be seen.
  std::optional<double> active;
  // Of the whole machine: threads that compute or wait for a processor; for each processor.
  double load = 0;
  // Runs that have ended, and their processor time and duration, all together.
  std::uint64_t ended = 0;
  std::chrono::duration<double> computed{};
  std::chrono::duration<double> lasted{};
};

class AutoLimit {
 public:
  // Between two steps.
  static constexpr std::chrono::milliseconds interval{100};
  // With so little work for each processor, nobody notices that the kernel queues it.
  static constexpr std::chrono::duration<double> brief{0.025};
  // After so many steps without use a limit is halved.
  static constexpr unsigned unused_steps = 50;

  // `start`: as long as nothing is known; `limit`: what was found at an earlier time, else the
  // same.
  AutoLimit(unsigned processors, unsigned start, unsigned limit)
      : processors_(processors), start_(start), wanted_(limit), limit_(limit) {}

  // First what was seen, then the program's share of the processors, and the most that may run.
  void see(const Activity& activity);
  void step(double share, unsigned most);

  unsigned limit() const { return limit_; }
  LimitReason reason() const { return reason_; }
  // Of a run's time, the share that it would compute if it never waited for a processor; 0 to 1.
  double demand() const;
  // How many processors it would keep busy if nothing had to wait.
  double wish() const { return (now_.running + now_.waiting) * demand(); }
  // Nothing waits, and the limit need not change before something does.
  bool is_at_rest() const { return unused_ >= unused_steps; }

 private:
  void learn_from_ended();
  bool knows_runs() const;
  double floor() const;
  double useful(double share) const;
  void grow(double wanted);
  void settle_at(double wanted);
  void set(double wanted);
  void rest();

  unsigned processors_;
  unsigned start_;
  double wanted_;  // before it is rounded
  unsigned limit_;
  LimitReason reason_ = LimitReason::unknown;
  Activity now_;
  std::optional<double> active_;              // smoothed
  double load_ = 0;                           // the same
  std::chrono::duration<double> computed_{};  // by one run; smoothed
  std::chrono::duration<double> lasted_{};    // the same
  unsigned steps_without_end_ = 0;
  unsigned unused_ = 0;
};

// Shares processors out to programs that would use `wishes` of them: to each what it wishes, as far
// as all others can have as much, and a whole one at least.
std::vector<double> share_processors(double processors, std::span<const double> wishes);

}  // namespace cgisrv::admission
