// What an administrator can set for a program.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cgi/environment.h"
#include "warm/options.h"

namespace cgisrv::cgi {

enum class ChunkedBody : std::uint8_t {
  spool,   // collect a chunked body first, so that CONTENT_LENGTH is known
  stream,  // pass it on as it comes, without CONTENT_LENGTH
};

// The client has gone, or is taken for gone, before its program has ended.
enum class OnDisconnect : std::uint8_t {
  term,    // end the program
  finish,  // let it run on to its end, if it has its whole input
};

// setrlimit(2); not set: as the server itself has it.
struct ResourceLimits {
  std::optional<std::uint64_t> cpu_seconds, address_space, open_files, processes, file_size, core;
};

// Requests that wait for their program because enough of it run already.
struct QueueOptions {
  unsigned size = 256;
  std::chrono::milliseconds timeout{5000};
};

// [cgi], and again in each location. Duration::max() stands for "unlimited".
struct Options {
  using Duration = std::chrono::milliseconds;

  std::uint32_t location = 0;           // tells locations apart: programs are counted in each
  unsigned max_running = 64;            // of one program at a time, over all workers: others wait
  unsigned max_running_per_client = 0;  // 0: no limit but that
  QueueOptions queue;
  Duration header_timeout{60'000};  // from start to the end of the program's header: 504
  Duration idle_timeout{60'000};    // between its writes: cut
  Duration timeout{600'000};        // in all: 504 or cut
  Duration grace{5'000};            // from TERM to KILL
  OnDisconnect on_disconnect = OnDisconnect::term;
  Variables env;
  ResourceLimits rlimits;
  warm::Options warm;
  ChunkedBody chunked = ChunkedBody::spool;
  std::uint64_t spool_memory = 1024 * 1024;  // past it a spooled body goes to a temporary file
  std::string headerless;      // Content-Type for programs that print no header; empty: 502
  bool server_timing = false;  // tell clients, in Server-Timing, what took how long
  bool allow_setuid = false;   // setuid bits and file capabilities have their effect
  bool authorization = false;  // pass the Authorization field to programs
  std::string remote_user;     // field in which a proxy says who REMOTE_USER is; empty: none
};

}  // namespace cgisrv::cgi
