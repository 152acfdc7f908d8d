// Runs of a program for one request, and what is compared of each.
#pragma once

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "account/account.h"
#include "exec/request.h"
#include "exec/resolved_request.h"
#include "exec/verdict.h"
#include "warm/manager_message.h"

namespace cgisrv::exec {

// What one run did.
struct Trace {
  static constexpr std::array<std::string_view, 5> names = {"status", "header", "body", "stderr",
                                                            "end"};
  // The status line of the response, the program's output, and its exit; with those of programs
  // that it redirected to, one after the other.
  std::array<std::string, names.size()> parts;
  std::array<bool, names.size()> cut{};  // there was more than was kept
  Verdict verdict;
  std::chrono::microseconds took{};
  std::chrono::microseconds processor{};  // used by the program
  account::StartKind started = account::StartKind::none;
  std::string cold_reason;
  bool timed_out = false;
};

class Trial {
 public:
  // `resolved` is where the program is, started cold or warm. All references outlive this.
  Trial(ResolvedRequest resolved, const ExecRequest& request, const rlimit& descriptors, bool warm);

  const ResolvedRequest& resolved() const { return resolved_; }
  const warm::ZygoteKey& key() const { return key_; }
  // Empty: the request leads to no program; then this is the reason.
  const std::string& script() const { return key_.file; }
  std::string problem() const;

  // `channel`: to a zygote manager, for a warm run. Nothing: a signal has ended it, see signal().
  std::optional<Trace> run(int channel = -1);
  int signal() const { return signal_; }

 private:
  ResolvedRequest resolved_;
  const ExecRequest& request_;
  rlimit descriptors_;
  warm::ZygoteKey key_;
  int signal_ = 0;
};

}  // namespace cgisrv::exec
