// Figures for people, in at most five or six columns: rounded, with a unit.
#pragma once

#include <cstdint>
#include <string>

namespace cgisrv::human {

std::string count(std::uint64_t number);  // "999", "1.2k", "45k", "3.4M"
std::string bytes(std::uint64_t number);  // "512", "4.1K", "12M", powers of 1024
std::string rate(double per_second);      // "0.25", "12.3", "340", "1.2k"
std::string percent(double share);        // of 1: "0.4%", "45%", "230%"
// A measurement; "-" for none (0): "850us", "12ms", "1.2s", "45s", "12m".
std::string duration(double seconds);
std::string age(double seconds);  // "45s", "12m 3s", "3h 12m", "5d 3h"

}  // namespace cgisrv::human
