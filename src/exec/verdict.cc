#include "exec/verdict.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cgi/telling_line.h"

namespace cgisrv::exec {

namespace {

// The exit of the first program that failed, and what it said of it; empty: none did.
std::string bad_end(const std::vector<ProgramRun>& programs) {
  for (const ProgramRun& program : programs)
    if (const auto& exit = program.usage().exit; exit && !exit->success()) {
      const auto said = cgi::telling_words(program.errors.bytes());
      return fmt::format("{}: {}{}{}", program.script.filename, exit->text(),
                         said.empty() ? "" : "; its standard error says why: ", said);
    }
  return {};
}

std::string problem(const Record& record, const Response& response) {
  if (!record.failure().empty()) return record.failure();
  if (record.programs().empty()) return fmt::format("{}: no program was run", response.status());
  if (response.status() == 0) return "what came is no HTTP response";
  if (!response.whole()) return fmt::format("{}, but the response was cut", response.status());
  if (const std::string end = bad_end(record.programs()); !end.empty())
    return fmt::format("{}, but {}", response.status(), end);
  if (response.status() >= 500)
    return fmt::format("{}: the program itself says so", response.status());
  return {};
}

}  // namespace

Verdict judge(const Record& record, const Response& response, std::chrono::microseconds took) {
  std::string bad = problem(record, response);
  if (!bad.empty()) return {false, std::move(bad)};
  return {true, fmt::format("{}, {} in {}", response.status(),
                            text::counted(response.body().total(), "byte"), duration_text(took))};
}

std::string duration_text(std::chrono::microseconds duration) {
  const auto count = static_cast<double>(duration.count());
  if (count < 10'000) return fmt::format("{:.1f} ms", count / 1000);
  if (count < 1'000'000) return fmt::format("{:.0f} ms", count / 1000);
  return fmt::format("{:.2f} s", count / 1'000'000);
}

}  // namespace cgisrv::exec
