// Runs of a program for one request, and what is compared of each.
#pragma once

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "account/account.h"
#include "exec/place.h"
#include "exec/request.h"
#include "exec/verdict.h"
#include "warm/note.h"

namespace cgisrv::exec {

// What one run did.
struct Trace {
  static constexpr std::array<std::string_view, 5> names = {"status", "header", "body", "stderr",
                                                            "end"};
  // The status line of the response, what the program printed, and how it ended; with those that it
  // redirected to, one after the other.
  std::array<std::string, names.size()> parts;
  std::array<bool, names.size()> cut{};  // there was more of it than is kept
  Verdict verdict;
  std::chrono::microseconds took{};
  account::Start started = account::Start::none;
  std::string cold_reason;
  bool timed_out = false;
};

class Trial {
 public:
  // `place` is where the program is, started plainly or warm. All references outlive this.
  Trial(Place place, const Request& request, const rlimit& descriptors, bool warm);

  const Place& place() const { return place_; }
  const warm::Subject& subject() const { return subject_; }
  // Empty: the request leads to no program, and this is why.
  const std::string& script() const { return subject_.file; }
  std::string problem() const;

  // `channel`: to a keeper, where it is to be warm. Nothing: a signal has ended it, see signal().
  std::optional<Trace> run(int channel = -1);
  int signal() const { return signal_; }

 private:
  Place place_;
  const Request& request_;
  rlimit descriptors_;
  warm::Subject subject_;
  int signal_ = 0;
};

}  // namespace cgisrv::exec
