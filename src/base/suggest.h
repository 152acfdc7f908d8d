// "Did you mean": the nearest of the valid words.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace cgisrv {

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, whatever its case; nothing when none is near enough to be a
// typing error.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace cgisrv
