// What an administrator can set for a program that is kept warm: once started and brought to the
// point where it would look at its request, it is a zygote, and each request has a fork of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cgisrv::warm {

// `start` and `warm = { ... }` of [cgi] and of locations.
struct Options {
  // What a zygote loads beyond the program, so that no request has to.
  struct Preload {
    // Of the imports of a Python program:
    enum class Imports : std::uint8_t {
      standard,  // those of modules that come with Python
      all,       // also of its own modules and those of others
      none,
    };
    Imports imports = Imports::standard;
    // Of Perl or Python, by the names that a program has for them. One that cannot be loaded is a
    // reason to start the program plainly.
    std::vector<std::string> modules;
  };
  // How a request's Python process ends.
  enum class Finalize : std::uint8_t {
    quick,  // files are written and what the request has made is taken apart; the rest is left
    full,   // the whole interpreter is taken apart, as in a process of its own
  };

  bool enabled = false;
  unsigned zygotes = 0;  // of one program, shared out among the workers; 0: one for each four
  // Processes that each has forked before there is a request for them. Unless told otherwise, one
  // where that is an interpreter: a native program is forked as fast as one that waits is woken.
  static constexpr unsigned waiting_automatic = 1000;
  unsigned waiting = waiting_automatic;
  // A zygote makes way for a new one, which has been started by then,
  unsigned max_requests = 10'000;                // after so many requests,
  std::chrono::milliseconds max_age{3'600'000};  // or at this age.
  std::chrono::milliseconds idle{300'000};       // Without a request for so long it is ended.
  std::uint64_t max_memory = 256ULL << 20;       // Resident bytes; one that has more is not kept.
  Preload preload;
  Finalize finalize = Finalize::quick;
};

}  // namespace cgisrv::warm
