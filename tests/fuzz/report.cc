// What a server says of itself, as `cgisrv status` reads and shows it: whatever it is, nothing
// drives the terminal, and no line is wider.
#include "status/report.h"

#include "base/text.h"
#include "fuzz.h"
#include "status/report_table.h"

namespace cgisrv::fuzz {

CGISRV_FUZZ_TARGET(report) {
  const auto report = status::report_from_json(input);
  if (!report) return;
  const std::string json = status::to_json(*report);
  const auto again = status::report_from_json(json);
  CGISRV_CHECK(is_printable(json) && again);
  // What is out of all proportion has become nothing by now; the rest stays as it is.
  const std::string twice = status::to_json(*again);
  const auto third = status::report_from_json(twice);
  CGISRV_CHECK(third && status::to_json(*third) == twice);
  for (const status::Screen screen : {status::Screen{.columns = 0}, {.columns = 60, .lines = 9}}) {
    const std::string text = status::report_table(*report, nullptr, screen);
    CGISRV_CHECK(!text.empty() && text.back() == '\n');
    std::string_view rest = text;
    for (unsigned line = 1; !rest.empty(); ++line) {
      const auto shown = text::take_until(rest, '\n');
      CGISRV_CHECK(is_printable(shown) && (screen.columns == 0 || shown.size() <= screen.columns));
      CGISRV_CHECK(screen.lines == 0 || line <= screen.lines);
    }
    status::report_table(*again, &*report, screen);
  }
}

}  // namespace cgisrv::fuzz
