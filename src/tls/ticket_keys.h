// The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1), in memory that the master shares
// with all workers: a client that has shaken hands with one of them resumes with any other.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "base/shared.h"

namespace cgisrv::tls {

struct TicketKey {
  std::array<std::uint8_t, 16> name;    // in the ticket, in the clear
  std::array<std::uint8_t, 32> cipher;  // AES-256-CBC
  std::array<std::uint8_t, 32> mac;     // HMAC-SHA-256
};

class TicketKeys {
 public:
  static constexpr std::chrono::hours rotation{1};
  // Of a ticket: it can be read for at least that long after its key has made it.
  static constexpr std::chrono::hours lifetime{2};

  // In the master: makes a new key, with which workers make tickets from now on. The two before it
  // still open tickets; older ones are overwritten.
  void rotate();
  bool empty() const { return shared_->made == 0; }

  // Not empty: the newest.
  TicketKey newest() const { return read(shared_->made); }
  struct Found {
    TicketKey key;
    bool is_newest = false;
  };
  std::optional<Found> find(std::span<const std::uint8_t, 16> name) const;

 private:
  static constexpr unsigned kept = 3;
  static constexpr std::size_t words = sizeof(TicketKey) / sizeof(std::uint64_t);
  using Slot = std::array<std::atomic<std::uint64_t>, words>;
  struct Keys {
    std::atomic<std::uint64_t> made;  // so far; the newest is in slot made % kept
    std::array<Slot, kept> slots;
  };

  // Of a key that is just being overwritten, a mixture: it opens no ticket.
  TicketKey read(std::uint64_t number) const;

  Shared<Keys> shared_;
};

}  // namespace cgisrv::tls
