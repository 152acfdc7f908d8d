#include "site/sent_programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "config/value_check.h"

namespace cgisrv::site {

namespace {

bool begins_with_shebang(int fd) {
  std::array<char, 2> bytes{};
  return ::pread(fd, bytes.data(), bytes.size(), 0) == 2 && bytes[0] == '#' && bytes[1] == '!';
}

bool is_meant(const config::Location& location) {
  return location.files_only || location.match.kind == config::MatchKind::exact;
}

}  // namespace

std::string why_sent(const config::Config& config, const config::Site& site,
                     const config::Location& location, bool is_executable) {
  if (config.file.empty())
    return fmt::format(
        "programs are the executable files in cgi-bin/ and htbin/, and those whose name ends in "
        ".cgi; move or rename it, {}",
        is_executable ? "or take its x bits away (chmod a-x) if it is meant to be sent"
                      : "and make it executable (chmod a+x), to have it run");
  if (is_meant(location))
    return fmt::format("location {} sends files; see cgi there",
                       config::format_match(location.match));
  std::vector<std::string> matches;
  for (const config::Location& each : site.locations)
    if (each.program != config::ProgramKind::none)
      matches.push_back(config::format_match(each.match));
  return fmt::format(
      "{}; give it a location with cgi = true, or with cgi = false if it is meant to be sent",
      matches.empty()
          ? std::string("its site has no location that runs programs")
          : fmt::format("the locations that run programs are {}", fmt::join(matches, ", ")));
}

std::string sent_program(const config::Config& config, const config::Site& site,
                         const config::Location& location, const std::string& file, int fd,
                         mode_t mode) {
  if ((mode & 0111) == 0 || is_meant(location) || !begins_with_shebang(fd)) return {};
  return fmt::format("{} is executable and begins with #!, but it is sent as a file: {}",
                     text::escape(file), why_sent(config, site, location, true));
}

void SentPrograms::tell(const std::string& file, const std::string& sentence) {
  told_.insert(file);
  log::line(log::Level::warn, "{}", sentence);
}

}  // namespace cgisrv::site
