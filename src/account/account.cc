#include "account/account.h"

#include <array>
#include <utility>

#include "account/figures.h"

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
      "answered", "not-started", "exit-status", "bad-header", "too-short",
      "signal",   "timeout",     "client-left", "refused",    "bad-body"};
  return names[static_cast<unsigned>(outcome)];
}

bool is_failure(Outcome outcome) {
  using enum Outcome;
  return outcome != answered && outcome != client_left && outcome != refused && outcome != bad_body;
}

std::string_view text(Start start) {
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
  costs_.queue = lap();
}

void Account::started(Start start, std::string_view why) {
  costs_.start = lap();
  costs_.started = start;
  costs_.cold_reason = why;
}

void Account::header_whole() {
  costs_.header = since(mark_);
}

void Account::reaped(const process::Exit& exit) {
  if (figures_ != nullptr) figures_->add(exit);
  if (settled()) return;  // let go before
  costs_.run = since(mark_);
  costs_.exit = exit;
  settle();
}

void Account::let_go() {
  let_go_ = true;
  settle();
}

void Account::close(Outcome outcome, std::string_view diagnosis) {
  if (std::exchange(closed_, true)) return;
  costs_.outcome = outcome;
  costs_.diagnosis = diagnosis;
  costs_.total = since(opened_);
  settle();
}

void Account::settle() {
  if (!settled()) return;
  if (figures_ != nullptr) figures_->add(costs_);
  if (const auto charge = std::exchange(charge_, nullptr)) charge(costs_);
}

}  // namespace cgisrv::account
