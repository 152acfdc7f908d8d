// Whether clients should stay with this server, by the word of its administrator or its master.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace cgisrv::telemetry {

// From `drained` on clients are to move elsewhere: load balancers are told so, and each response is
// the last of its connection. Requests are served all the same.
enum class Presence : std::uint8_t {
  here,
  drained,
  maintenance,  // drained, and load balancers need not look after it either
  leaving,      // it is about to end
};
inline constexpr unsigned presences = 4;

// As a server's state is called.
inline constexpr std::array<std::string_view, presences> presence_texts = {
    "serving", "drained", "maintenance", "leaving"};
constexpr std::string_view text(Presence presence) {
  return presence_texts[static_cast<std::size_t>(presence)];
}

constexpr bool is_drained(Presence presence) {
  return presence == Presence::drained || presence == Presence::maintenance;
}

}  // namespace cgisrv::telemetry
