// Messages between workers and the master about permits.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace cgisrv::admission {

inline constexpr unsigned queue_size_max = 100'000;

// max_running: how many processes of a program run at a time, over all workers.
struct MaxRunning {
  // Of programs that sleep; each has its memory.
  static constexpr unsigned automatic_max = 256;

  unsigned most = automatic_max;
  bool automatic =
      true;  // how many is found from what they do (admission/auto_limit), up to `most`

  bool operator==(const MaxRunning&) const = default;
};

// Limits that an administrator sets for a program.
struct Limits {
  unsigned max_running = 64;            // at a time, over all workers
  bool automatic = false;               // fewer, if more would only be in each other's way
  unsigned max_running_per_client = 0;  // of these for one client; 0: all of them
  unsigned queue_size = 256;            // requests that wait for the program
  unsigned queue_per_client = 0;        // of these for one client; 0: all of them
};

// What keeps a request from running.
enum class LimitKind : std::uint8_t {
  program,   // max_running of its program
  total,     // max_running in [server]
  pressure,  // fewer than that, since the machine is short of something
  client,    // max_running_per_client
};

// What tells a program at one location from all others: a hash of both. See Table::key().
struct ProgramKey {
  std::uint64_t first = 0;  // never 0 in a key that is in use
  std::uint64_t second = 0;
  auto operator<=>(const ProgramKey&) const = default;
};

struct Message {
  enum class Kind : std::uint8_t {
    open,     // worker: needs the row of a program and cannot find it
    opened,   // master: the program has a row now
    crowded,  // master: no row is left
    ask,      // worker: this request wants to run
    leave,    // worker: it no longer does
    expire,   // worker: nor does this one, which asks what it has waited for
    crowd,    // worker: many of this program run at a time, for which it asked nobody
    freed,    // worker: a permit is free, and somebody may be waiting for it
    grant,    // master: the request has a permit, already taken for it
    full,     // master: the queue is full
    greedy,   // master: as many of its client wait as may
    expired,  // master: to expire
  };
  Kind kind;
  std::uint32_t request = 0;  // all but crowd and freed: the worker's number for it
  std::uint32_t program = 0;  // opened, ask, leave, expire, crowd, freed, grant: its row
  std::uint64_t client = 0;   // ask: who asks; freed, grant: who is counted; 0: nobody
  Limits limits;              // ask, crowd
  ProgramKey key;             // open
  std::uint32_t permit = 0;   // grant: of the program
  std::uint32_t total = 0;    // grant: of all programs
  LimitKind held_by{};        // full, greedy, expired: why it could not run
};

inline std::string_view bytes_of(const Message& message) {
  return {reinterpret_cast<const char*>(&message), sizeof message};
}

inline std::optional<Message> message_from(std::string_view bytes) {
  Message message{};
  if (bytes.size() != sizeof message) return std::nullopt;
  std::memcpy(&message, bytes.data(), sizeof message);
  return message;
}

}  // namespace cgisrv::admission
