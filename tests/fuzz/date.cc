// HTTP dates: what was read, written again, is the same moment.
#include "http/date.h"

#include "fuzz.h"

namespace cgisrv::fuzz {

CGISRV_FUZZ_TARGET(date) {
  for (const std::time_t now : {std::time_t{0}, std::time_t{1'700'000'000}}) {
    const auto time = http::parse_date(input, now);
    if (!time) continue;
    const auto written = http::format_date(*time);
    CGISRV_CHECK(written.size() == 29 && written.ends_with(" GMT"));
    CGISRV_CHECK(http::parse_date(written, now) == time);
  }
}

}  // namespace cgisrv::fuzz
