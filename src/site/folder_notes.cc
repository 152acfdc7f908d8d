#include "site/folder_notes.h"

#include <cgisrv/fd.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>

#include "base/regular_file.h"
#include "base/text.h"
#include "config/config.h"
#include "config/key_lines.h"
#include "site/locate.h"
#include "site/router.h"
#include "site/sent_programs.h"

namespace cgisrv::site {

namespace {

constexpr unsigned entries_max = 100;

bool is_sent_program(const config::Config& config, const config::Site& site,
                     const Located& located) {
  const auto file = open_regular(located.file);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0) return false;
  return !sent_program(config, site, *located.location, located.file, file->get(), status.st_mode)
              .empty();
}

// The first program in the folder of that prefix whose source would be sent.
std::optional<std::string> first_unrun(const config::Config& config, const config::Site& site,
                                       const config::Location& location) {
  const std::string& prefix = location.match.text;
  const std::string folder = location.files.empty() ? site.root + prefix : location.files;
  std::error_code failed;
  unsigned entries = 0;
  for (std::filesystem::directory_iterator at(folder, failed), end;
       !failed && at != end && entries < entries_max; at.increment(failed), ++entries) {
    const std::string path = prefix + at->path().filename().string();
    const Located located = locate(config, site, {path, path.size()}, access::Peer::local());
    if (located.kind == Located::Kind::file && located.location == &location &&
        is_sent_program(config, site, located))
      return located.file;
  }
  return std::nullopt;
}

}  // namespace

void note_unrun_programs(const config::Config& config, std::vector<std::string>& notes) {
  for (const config::Site& site : config.sites)
    for (const config::Location& location : site.locations) {
      if (location.match.kind != config::MatchKind::prefix || location.files_only) continue;
      if (const auto file = first_unrun(config, site, location))
        notes.push_back(fmt::format(
            "{}{} is executable and begins with #!, and location {} sends its source; write "
            "cgi = true there, or cgi = false if it is meant to be sent",
            place_text(config, config::find_line(location.lines, {"match", ""})),
            text::escape(*file, 200), location.match.text));
    }
}

}  // namespace cgisrv::site
