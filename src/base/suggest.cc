#include "base/suggest.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "base/text.h"

namespace cgisrv {

namespace {

std::string in_small_letters(std::string_view word) {
  std::string lowered(word);
  std::ranges::transform(lowered, lowered.begin(), text::lower);
  return lowered;
}

// "status" for "stat"; not for less than three letters.
std::optional<std::string_view> only_one_that_begins(std::string_view word,
                                                     std::span<const std::string_view> candidates) {
  std::optional<std::string_view> found;
  const auto dashes = std::min(word.find_first_not_of('-'), word.size());
  if (word.size() < dashes + 3) return found;
  for (const std::string_view candidate : candidates) {
    if (!in_small_letters(candidate).starts_with(word)) continue;
    if (found && *found != candidate) return {};
    found = candidate;
  }
  return found;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the matrix for the first i-2, i-1 and i letters of `a`.
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  const std::string small = in_small_letters(word);
  std::optional<std::string_view> best;
  std::size_t allowed = (word.size() + 2) / 4;  // one slip in a short word, three in a long one
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(small, in_small_letters(candidate));
    if (distance > allowed || (best && distance == allowed)) continue;
    best = candidate;
    allowed = distance;
  }
  return best ? best : only_one_that_begins(small, candidates);
}

}  // namespace cgisrv
