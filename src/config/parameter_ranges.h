// Ranges and words that many parameters share.
#pragma once

#include <cstdint>

#include "config/codec.h"

namespace cgisrv::config {

inline constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib, tib = 1024 * gib;
inline constexpr std::uint64_t ms = 1, second = 1000, hour = 3600 * second, day = 24 * hour;
inline constexpr Range any_size{0, 1024 * tib};
inline constexpr Range any_count{0, 1'000'000'000};
inline constexpr Range a_timeout{100 * ms, day};
inline constexpr Range a_rate{1, gib};
inline constexpr Range a_percentage{1, 99};
inline constexpr Word automatic{"auto", 0};
inline constexpr Word automatic_waiting{"auto", warm::Options::waiting_automatic};
inline constexpr Word off{"off", 0};
inline constexpr Word unlimited{"unlimited", bytes_unlimited};
inline constexpr Word unlimited_count{"unlimited", 0};

}  // namespace cgisrv::config
