// What workers and the master say to each other about places.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace cgisrv::admission {

inline constexpr unsigned queue_size_max = 100'000;

// What an administrator sets for a program.
struct Limits {
  unsigned max_running = 64;            // at a time, over all workers
  unsigned max_running_per_client = 0;  // of them for one client; 0: as many as there are
  unsigned queue_size = 256;            // requests that wait for one
};

struct Message {
  enum class Kind : std::uint8_t {
    ask,     // worker: this request wants to run
    leave,   // worker: it no longer does
    freed,   // worker: a place is free, and somebody may be waiting for it
    grant,   // master: the request has a place, already taken for it
    refuse,  // master: the queue is full
  };
  Kind kind;
  std::uint32_t request = 0;  // ask, leave, grant, refuse: the worker's number for it
  std::uint32_t program = 0;  // ask, freed: its row
  std::uint64_t client = 0;   // ask, freed: who asks; 0 in freed: nobody who is counted
  Limits limits;              // ask
  std::uint32_t place = 0;    // grant: of the program
  std::uint32_t total = 0;    // grant: of all programs
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
