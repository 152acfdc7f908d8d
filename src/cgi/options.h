// What an administrator can set for a program.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admission/messages.h"
#include "cgi/variables.h"
#include "warm/options.h"

namespace cgisrv::cgi {

enum class ChunkedBody : std::uint8_t {
  spool,   // collect a chunked body first, so that CONTENT_LENGTH is known
  stream,  // pass it on as it arrives, without CONTENT_LENGTH
};

// What to do when the client has gone, or is treated as gone, before its program has ended.
enum class OnDisconnect : std::uint8_t {
  term,    // end the program
  finish,  // let it run to its end, if it has its whole input
};

// setrlimit(2); not set: the server's own.
struct ResourceLimits {
  std::optional<std::uint64_t> cpu_seconds, address_space, open_files, processes, file_size, core;
};

// Requests that wait because too many of their program run already.
struct QueueOptions {
  unsigned size = 256;
  unsigned per_client = 0;  // 0: see waiting_per_client()
  std::chrono::milliseconds timeout{30'000};
  std::optional<std::uint64_t> retry_after_s;  // of who is refused; not set: as of any other 503
};

// [cgi], and again in each location. Duration::max() stands for "unlimited".
struct Options {
  using Duration = std::chrono::milliseconds;

  std::uint32_t location = 0;           // tells locations apart: programs are counted per location
  admission::MaxRunning max_running;    // of one program, over all workers; other requests wait
  unsigned max_running_per_client = 0;  // 0: no other limit
  QueueOptions queue;
  Duration header_timeout{60'000};  // from its start, or its last input, to its whole header: 504
  Duration idle_timeout{60'000};    // between its writes: cut
  Duration timeout{600'000};        // in total, without time spent on the client: 504 or cut
  Duration grace{5'000};            // from TERM to KILL
  OnDisconnect on_disconnect = OnDisconnect::term;
  Variables env;
  std::string umask;  // read by parse_umask(); empty: the server's own
  ResourceLimits rlimits;
  warm::Options warm;
  ChunkedBody chunked = ChunkedBody::spool;
  std::uint64_t spool_memory = 1024 * 1024;  // beyond it a spooled body goes to a temporary file
  std::uint64_t response_header_size = 256 * 1024;  // of a program's output; beyond it 502
  unsigned response_header_fields = 2000;           // the same
  std::string headerless;      // Content-Type for programs that print no header; empty: 502
  bool server_timing = false;  // report times to clients in Server-Timing
  bool allow_setuid = false;   // setuid bits and file capabilities take effect
  bool authorization = false;  // pass the Authorization field to programs
  std::string remote_user;     // field by which a proxy sets REMOTE_USER; empty: none
  // Below these a program may name a file with X-Sendfile; absolute, no trailing slash.
  std::vector<std::string> sendfile_roots;
  bool by_file = true;  // advice refers to a configuration; false: to the command line
};

// How many waiting requests one client may have. By default: limited only where running programs
// are limited per client, and then other clients have three quarters of the queue.
inline unsigned waiting_per_client(const Options& options) {
  if (options.queue.per_client != 0) return options.queue.per_client;
  const bool are_told_apart = options.max_running_per_client != 0;
  return are_told_apart ? std::max(options.queue.size / 4, 1U) : options.queue.size;
}

}  // namespace cgisrv::cgi
