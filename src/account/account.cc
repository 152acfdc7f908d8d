#include "account/account.h"

#include <array>
#include <utility>

#include "account/program_stats.h"

namespace cgisrv::account {

std::string_view text(Outcome outcome) {
  static constexpr std::array<std::string_view, outcomes> names = {
      "answered", "not-started", "exit-status", "bad-header", "too-short", "signal",
      "timeout",  "client-left", "refused",     "bad-exit",   "bad-body"};
  return names[static_cast<unsigned>(outcome)];
}

bool is_failure(Outcome outcome) {
  using enum Outcome;
  return outcome != answered && outcome != client_left && outcome != refused &&
         outcome != bad_exit && outcome != bad_body;
}

std::string_view text(StartKind start) {
  static constexpr std::array<std::string_view, 3> names = {"", "cold", "warm"};
  return names[static_cast<unsigned>(start)];
}

void Account::reaped(const process::Exit& exit) {
  const Duration run = usage.since_start();
  if (stats_ != nullptr) stats_->add(exit, run);
  if (is_final()) return;  // it ran on
  usage.run = run;
  usage.exit = exit;
  finish();
}

void Account::close(Outcome outcome, std::string_view diagnosis) {
  if (std::exchange(closed_, true)) return;
  usage.outcome = outcome;
  usage.diagnosis = diagnosis;
  usage.total = std::chrono::duration_cast<Duration>(Usage::Clock::now() - opened_);
  finish();
}

void Account::finish() {
  if (!is_final()) return;
  if (stats_ != nullptr) stats_->add(usage);
  if (const auto callback = std::exchange(on_final_, nullptr)) callback(usage);
}

}  // namespace cgisrv::account
