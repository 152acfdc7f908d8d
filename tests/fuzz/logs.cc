// What clients and programs send, on its way to the logs: no line is forged, no terminal driven,
// and standard error reads the same however it was written.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "accesslog/access_log.h"
#include "base/log.h"
#include "base/text.h"
#include "cgi/stderr_log.h"
#include "fuzz.h"

namespace cgisrv::fuzz {
namespace {

std::string unescape(std::string_view escaped) {
  std::string out;
  while (!escaped.empty()) {
    const bool is_escape = escaped.starts_with("\\x");
    out.push_back(is_escape ? static_cast<char>(text::hex_value(escaped[2]) * 16 +
                                                text::hex_value(escaped[3]))
                            : escaped[0]);
    escaped.remove_prefix(is_escape ? 4 : 1);
  }
  return out;
}

void check_escapes(std::string_view input) {
  const auto escaped = text::escape(input, input.size());
  CGISRV_CHECK(is_printable(escaped) && !escaped.contains('"'));
  CGISRV_CHECK(unescape(escaped) == input);
  CGISRV_CHECK(is_printable(text::printable(input)));
  CGISRV_CHECK(text::escape_html(input).find_first_of("<>\"'") == std::string::npos);
}

// One line in each format; quotes come in pairs.
void check_access_line(std::string_view input) {
  Choices choices(input);
  accesslog::AccessEntry entry;
  for (auto* part : {&entry.request_line, &entry.method, &entry.target, &entry.host, &entry.referer,
                     &entry.user_agent, &entry.script})
    *part = choices.line();
  entry.user_agent = choices.rest();
  struct Form {
    std::string_view format;
    long quotes;
  };
  const auto json_quotes = 4 * static_cast<long>(accesslog::access_fields().size());
  for (const auto& [format, expected] :
       {Form{"combined", 6}, {"common", 2}, {"json", json_quotes}}) {
    const auto line =
        accesslog::AccessFormat::parse(format)->line(accesslog::StoredEntry(entry).entry(), 0);
    CGISRV_CHECK(line.ends_with('\n'));
    CGISRV_CHECK(is_printable(std::string_view(line).substr(0, line.size() - 1)));
    const auto quotes = std::ranges::count(line, '"');
    // In JSON what is empty is null, without quotes.
    CGISRV_CHECK(format == "json" ? quotes % 2 == 0 && quotes <= expected : quotes == expected);
  }
}

// What the log has of a program's standard error, without the times.
std::vector<std::string> logged(std::string_view input, bool in_pieces, std::string& tail) {
  static const int file = ::memfd_create("log", 0);
  static const auto opened = log::open("/proc/self/fd/" + std::to_string(file));
  CGISRV_CHECK(opened && ::ftruncate(file, 0) == 0);
  cgi::StderrLog stderr_log("id", "/a.cgi");
  if (in_pieces) {
    for (Pieces pieces(input); !pieces.empty();)
      stderr_log.feed(pieces.next());
  } else {
    stderr_log.feed(input);
  }
  stderr_log.end();
  tail = stderr_log.tail();
  std::string text(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)), '\0');
  CGISRV_CHECK(::pread(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = text::take_until(rest, '\n');
    CGISRV_CHECK(is_printable(line) && line.contains("[id] /a.cgi: "));
    lines.emplace_back(line.substr(line.find("[id]")));
  }
  return lines;
}

}  // namespace

CGISRV_FUZZ_TARGET(logs) {
  check_escapes(input);
  check_access_line(input);
  std::string tail;
  std::string tail_of_pieces;
  CGISRV_CHECK(logged(input, false, tail) == logged(input, true, tail_of_pieces));
  CGISRV_CHECK(tail == tail_of_pieces && input.ends_with(tail));
}

}  // namespace cgisrv::fuzz
