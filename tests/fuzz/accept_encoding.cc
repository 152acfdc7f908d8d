// Accept-Encoding: no coding is named twice, case is of no account, and what a client says last of
// a coding is what counts.
#include "base/text.h"
#include "encoding/coding.h"
#include "fuzz.h"

namespace cgisrv::fuzz {
namespace {

using encoding::Coding;

std::vector<Coding> accepted(std::string field) {
  auto codings = encoding::accepted_codings(field, encoding::fastest_first);
  auto sorted = codings;
  std::ranges::sort(sorted);
  CGISRV_CHECK(std::ranges::adjacent_find(sorted) == sorted.end());
  return codings;
}

}  // namespace

CGISRV_FUZZ_TARGET(accept_encoding) {
  const std::string field(input);
  const auto codings = accepted(field);
  std::string upper = field;
  std::ranges::transform(upper, upper.begin(), text::upper);
  CGISRV_CHECK(accepted(upper) == codings);
  CGISRV_CHECK(accepted(field + ",br;q=0,zstd;q=0,gzip;q=0").empty());
  for (const Coding coding : encoding::smallest_first) {
    const std::string name(encoding::name_of(coding));
    CGISRV_CHECK(!std::ranges::count(accepted(field + "," + name + ";q=0"), coding));
    const auto with = accepted(field + ",*;q=0.001," + name);
    CGISRV_CHECK(std::ranges::count(with, coding) == 1);
    // All others of weight 1 are those that the server prefers.
    CGISRV_CHECK(accepted(field + ",br;q=0.5,zstd;q=0.5,gzip;q=0.5," + name).front() == coding);
  }
}

}  // namespace cgisrv::fuzz
