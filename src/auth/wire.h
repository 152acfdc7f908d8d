// The messages between workers and the password checker: SOCK_SEQPACKET, a packet each. All
// workers share one socket to it, on which a worker sends but one packet: the other end of a socket
// of its own.
#pragma once

#include <cgisrv/fd.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "auth/basic.h"
#include "auth/password_hash.h"
#include "auth/verdict.h"
#include "base/packet.h"

namespace cgisrv::auth {

// ---- worker to checker
struct CheckRequest {
  enum class Kind : std::uint8_t { check, cancel };
  Kind kind = Kind::check;
  std::uint64_t id = 0;      // the worker's own number of it
  std::uint64_t client = 0;  // net::Address::client(); 0: unknown
  std::uint32_t rule = 0;    // Options::number
  std::string_view user, password;
};
inline constexpr std::size_t request_bytes_max = 64 + user_bytes_max + password_bytes_max;

// Like send_packet().
bool send(int socket, const CheckRequest& request);
// Views into the packet. Nothing: it is none.
std::optional<CheckRequest> unpack_request(const Packet& packet);

// ---- checker to worker
struct CheckReply {
  std::uint64_t id = 0;
  Answer answer;
};
bool send(int socket, const CheckReply& reply);
std::optional<CheckReply> unpack_reply(const Packet& packet);

// ---- a worker's first packet
bool send_link(int socket, int link);

// ---- checker to hasher, and back
struct HashJob {
  std::string_view hash, password;
};
inline constexpr std::size_t hash_bytes_max = 1024;
inline constexpr std::size_t job_bytes_max = 64 + hash_bytes_max + password_bytes_max;
bool send(int socket, const HashJob& job);
std::optional<HashJob> unpack_job(std::string_view bytes);
bool send(int socket, Fit fit);
std::optional<Fit> unpack_fit(const Packet& packet);

}  // namespace cgisrv::auth
