// The encoder of each library, for make_encoder() alone. Levels are low: a worker compresses on its
// loop, between the requests of others. Each is null if its library has no memory, or was left out.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "encoding/encoder.h"

namespace cgisrv::encoding {

std::unique_ptr<Encoder> make_brotli();
std::unique_ptr<Encoder> make_gzip();
std::unique_ptr<Encoder> make_zstd();

// For libraries that write where they are told to: `fill(data, size)` gets room behind `out`, and
// returns how much of it has become output.
template <typename Fill>
void append_filled(std::string& out, Fill fill) {
  constexpr std::size_t step_bytes = 16 * 1024;
  const std::size_t before = out.size();
  out.resize(before + step_bytes);
  out.resize(before + fill(out.data() + before, step_bytes));
}

}  // namespace cgisrv::encoding
