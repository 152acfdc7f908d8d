#include "account/account.h"

#include <array>
#include <utility>

#include "account/program_stats.h"

namespace cgisrv::account {

namespace {

Duration since(Account::Clock::time_point then) {
  return std::chrono::duration_cast<Duration>(Account::Clock::now() - then);
}

Duration time_of(const timeval& value) {
  return std::chrono::seconds(value.tv_sec) + Duration(value.tv_usec);
}

}  // namespace

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

Duration user_time(const process::Exit& exit) {
  return time_of(exit.usage.ru_utime);
}
Duration system_time(const process::Exit& exit) {
  return time_of(exit.usage.ru_stime);
}

Duration Account::lap() {
  const Duration span = since(mark_);
  mark_ = Clock::now();
  return span;
}

void Account::asks() {
  lap();
}

void Account::waited() {
  usage_.queue = lap();
}

void Account::started(StartKind start, std::string_view why) {
  usage_.start = lap();
  usage_.started = start;
  usage_.cold_reason = why;
}

void Account::header_whole() {
  usage_.header = since(mark_);
}

void Account::reaped(const process::Exit& exit) {
  const Duration run = since(mark_);
  if (stats_ != nullptr) stats_->add(exit, run);
  if (is_final()) return;  // let go before
  usage_.run = run;
  usage_.exit = exit;
  finish();
}

void Account::let_go() {
  let_go_ = true;
  finish();
}

void Account::close(Outcome outcome, std::string_view diagnosis) {
  if (std::exchange(closed_, true)) return;
  usage_.outcome = outcome;
  usage_.diagnosis = diagnosis;
  usage_.total = since(opened_);
  finish();
}

void Account::finish() {
  if (!is_final()) return;
  if (stats_ != nullptr) stats_->add(usage_);
  if (const auto callback = std::exchange(on_final_, nullptr)) callback(usage_);
}

}  // namespace cgisrv::account
