// What a function makes of each element of a range, as a vector.
#pragma once

#include <functional>
#include <iterator>
#include <type_traits>
#include <vector>

namespace cgisrv {

// `make`: a function, or a member.
template <typename Range, typename Make>
auto collect(const Range& range, Make make) {
  using Element = decltype(*std::begin(range));
  std::vector<std::decay_t<std::invoke_result_t<Make&, Element>>> made;
  made.reserve(std::size(range));
  for (const auto& each : range)
    made.push_back(std::invoke(make, each));
  return made;
}

}  // namespace cgisrv
