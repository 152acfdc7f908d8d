// Settings for a program that is kept warm. It is started once and brought to the point where it
// would read its request; it is then a zygote, and each request is a fork of it.
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
    // Which imports of a Python program:
    enum class Imports : std::uint8_t {
      standard,  // modules that come with Python
      all,       // also its own modules and third-party ones
      none,
    };
    Imports imports = Imports::standard;
    // Of Perl or Python, by their names in the language. If one cannot be loaded, the program is
    // started cold.
    std::vector<std::string> modules;
  };
  // How a request's Python process ends.
  enum class Finalize : std::uint8_t {
    quick,  // flushes files and frees what the request made; leaves the rest
    full,   // finalizes the whole interpreter, as in a process of its own
  };

  bool enabled = false;
  unsigned zygotes = 0;  // of one program, shared among the workers; 0: one for each four
  // Processes that each zygote forks before a request needs them. By default one for an
  // interpreter, none for a native program, which forks as fast as a waiting process wakes.
  static constexpr unsigned waiting_automatic = 1000;
  unsigned waiting = waiting_automatic;
  // A zygote is replaced, once its successor is ready,
  unsigned max_requests = 10'000;                // after so many requests,
  std::chrono::milliseconds max_age{3'600'000};  // or at this age.
  std::chrono::milliseconds idle{300'000};       // A zygote that gets no request for so long ends.
  std::uint64_t max_memory = 256ULL << 20;       // Resident bytes; a zygote with more is not kept.
  Preload preload;
  Finalize finalize = Finalize::quick;
  // Not configured: a file in which an interpreter's zygote and its children record which modules
  // they load when. The list of modules is then a proposal: the zygote takes what can be loaded.
  std::string learn;
};

}  // namespace cgisrv::warm
