#include "tls/ticket_keys.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace cgisrv::tls {

void TicketKeys::rotate() {
  std::array<std::uint64_t, words> random{};
  CGISRV_CHECK(::getrandom(random.data(), sizeof random, 0) == sizeof random);
  const std::uint64_t next = shared_->made + 1;
  Slot& slot = shared_->slots[next % kept];
  for (std::size_t i = 0; i < words; ++i)
    slot[i].store(random[i], std::memory_order_relaxed);
  shared_->made.store(next, std::memory_order_release);
}

TicketKey TicketKeys::read(std::uint64_t number) const {
  std::array<std::uint64_t, words> copy{};
  const Slot& slot = shared_->slots[number % kept];
  for (std::size_t i = 0; i < words; ++i)
    copy[i] = slot[i].load(std::memory_order_relaxed);
  return std::bit_cast<TicketKey>(copy);
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const std::uint8_t, 16> name) const {
  const std::uint64_t made = shared_->made.load(std::memory_order_acquire);
  for (std::uint64_t age = 0; age < std::min<std::uint64_t>(made, kept); ++age)
    if (const TicketKey key = read(made - age); std::ranges::equal(key.name, name))
      return Found{key, age == 0};
  return std::nullopt;
}

}  // namespace cgisrv::tls
