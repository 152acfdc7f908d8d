#include "site/locate.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/result.h"
#include "base/shortage.h"
#include "base/text.h"
#include "base/tree.h"
#include "cgi/resolve.h"
#include "config/value_check.h"
#include "site/access_rules.h"
#include "site/program_source.h"
#include "site/router.h"

namespace cgisrv::site {
namespace {

using Kind = Located::Kind;

// The requested site, its configuration, and who asks.
struct Within {
  const config::Config& config;
  const config::Site& site;
  const access::Peer& visitor;
};

// `problem` quotes the client's request, so it must be escaped for the log.
Located refuse(const config::Location& location, int status, std::string_view problem) {
  return {.location = &location, .status = status, .problem = text::escape(problem)};
}

// For somebody who is not let in.
Located keep_out(const config::Location& location, std::string refusal) {
  return {.location = &location, .status = 403, .problem = std::move(refusal), .is_kept_out = true};
}

// A decoded path has no dot segments, so a segment with a leading dot is a dotfile, except the one
// that is meant to be found (RFC 8615).
bool has_dotfile(std::string_view path) {
  constexpr std::string_view well_known = "/.well-known";
  if (path == well_known || path.starts_with("/.well-known/"))
    path.remove_prefix(well_known.size());
  return path.find("/.") != path.npos;
}

// For the log.
std::string name_of(const config::Site& site) {
  return site.server_name.empty() ? site.root : site.server_name.front();
}

// The first existing index file of the site, located like any file: it may be a program.
std::optional<Located> locate_index(const Within& in, const http::Path& directory) {
  for (const auto& name : in.site.index) {
    const auto text = directory.text + name;
    Located index = locate(in.config, in.site, {text, text.size()}, in.visitor);
    const bool is_file = index.kind == Kind::program || index.kind == Kind::file;
    if (!is_file && (index.kind != Kind::error || index.status == 404)) continue;
    index.index = text;
    return index;
  }
  return std::nullopt;
}

// `path` names a directory.
Located locate_directory(const Within& in, const config::Location& location,
                         const http::Path& path) {
  if (!path.text.ends_with('/')) {
    return {.kind = Kind::redirect,
            .location = &location,
            .redirect = http::encode_path(path.text) + '/'};
  }
  if (auto index = locate_index(in, path)) return *index;
  const bool has_files =
      location.program == config::ProgramKind::none ||
      (location.program == config::ProgramKind::in_place && in.site.lists_programs);
  if (in.site.listing && has_files) {
    return {.kind = Kind::listing, .location = &location, .file = in.site.root + path.text};
  }
  return refuse(location, 404, fmt::format("{} has no index and is not listed", path.text));
}

int status_for(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return 404;
    case EACCES:
      return 403;
    default:
      return failure_status(code);
  }
}

Located locate_static(const Within& in, const config::Location& location, const http::Path& path) {
  if (path.plain < path.text.size()) {
    return refuse(location, 404, fmt::format("{} holds an encoded slash", path.text));
  }
  if (has_dotfile(path.text)) return refuse(location, 404, path.text + " is or is in a dotfile");
  std::string file = in.site.root + path.text;
  struct stat status {};
  if (const int error = Tree{in.site.root, location.links}.examine(file, status); error != 0) {
    const bool a_link = error == ELOOP && location.links != Links::follow;
    return refuse(location, a_link ? 403 : status_for(error),
                  fmt::format("{}: {}", file,
                              a_link ? "a symbolic link in it may not be followed; see symlinks"
                                     : errno_text(error)));
  }
  if (auto refusal = refusal_by_file(in.config, in.site, path, file, in.visitor); !refusal.empty())
    return keep_out(location, std::move(refusal));
  if (S_ISDIR(status.st_mode)) return locate_directory(in, location, path);
  if (!S_ISREG(status.st_mode)) {
    return refuse(location, 403, file + " is neither a file nor a directory");
  }
  const auto runs = what_runs(in.config, in.site, file, status.st_mode);
  if (!runs) return refuse(location, status_for(runs.error().code), runs.error().what);
  if (runs->location != nullptr) {
    const std::string whose =
        runs->site == &in.site
            ? "; its source is not sent"
            : fmt::format(" of site {}; its source is sent here only where cgi = false is said",
                          name_of(*runs->site));
    return refuse(location, 403,
                  fmt::format("{} belongs to the programs of location {}{}", file,
                              config::format_match(runs->location->match), whose));
  }
  return {.kind = Kind::file, .location = &location, .file = std::move(file)};
}

int status_for(cgi::Found found) {
  if (found == cgi::Found::unavailable) return 503;
  return found == cgi::Found::missing ? 404 : 403;
}

Located run(const Within& in, const config::Location& location, const http::Path& path,
            cgi::Resolution found) {
  if (found.found == cgi::Found::directory) return locate_directory(in, location, path);
  if (found.found != cgi::Found::program) {
    return {.location = &location,
            .status = status_for(found.found),
            .problem = std::move(found.problem)};
  }
  // A program that a location names is that location's, wherever it is.
  if (location.program == config::ProgramKind::in_place)
    if (auto refusal = refusal_by_file(in.config, in.site, path, found.script.filename, in.visitor);
        !refusal.empty())
      return keep_out(location, std::move(refusal));
  found.script.root = in.site.root;
  found.script.interpreter = location.interpreter;
  return {.kind = Kind::program, .location = &location, .script = std::move(found.script)};
}

// The next segment, from the slash at `begin` on, with an ending of a location; the longest of
// these endings.
struct Ending {
  const config::Location* location = nullptr;
  std::size_t end = 0;  // of the segment
};
Ending next_by_ending(const config::Site& site, const http::Path& path, std::size_t begin) {
  for (std::size_t end; begin < path.plain; begin = end) {
    end = std::min(path.text.find('/', begin + 1), path.plain);
    const auto segment = std::string_view(path.text).substr(begin, end - begin);
    Ending best;
    for (const auto& location : site.locations) {
      const config::Match& match = location.match;
      if (match.kind == config::MatchKind::extension && segment.ends_with(match.text) &&
          (!best.location || match.text.size() > best.location->match.text.size()))
        best = {&location, end};
    }
    if (best.location) return best;
  }
  return {};
}

// Only the file at the first `end` bytes of the path can be the program.
cgi::Resolution resolve_exactly(const config::Site& site, const config::Location& location,
                                const http::Path& path, std::size_t end) {
  const http::Path file{path.text.substr(0, end), end};
  const auto slash = file.text.rfind('/');
  auto found = cgi::resolve_script(site.root + file.text.substr(0, slash), file, slash,
                                   location.interpreter.empty(), {site.root, location.links});
  found.script.path_info = path.text.substr(end);
  return found;
}

// "/dir.cgi/now.cgi": a directory may have the matching ending, and a program be below it.
Located run_by_ending(const Within& in, Ending ending, const http::Path& path) {
  for (; ending.location; ending = next_by_ending(in.site, path, ending.end)) {
    if (has_dotfile(path.text.substr(0, ending.end))) break;
    if (ending.location->program == config::ProgramKind::none) continue;
    auto found = resolve_exactly(in.site, *ending.location, path, ending.end);
    if (found.found == cgi::Found::directory) continue;
    return run(in, *ending.location, path, std::move(found));
  }
  return locate_static(in, in.site.fallback, path);
}

// "/tools" where programs answer below "/tools/": to the client, a directory without its slash.
bool lacks_the_slash(const config::Site& site, const Route& route, const http::Path& path) {
  if (route.location.match.kind == config::MatchKind::exact || path.text.ends_with('/'))
    return false;
  return std::ranges::any_of(site.locations, [&](const config::Location& location) {
    return location.match.kind == config::MatchKind::prefix &&
           location.match.text == path.text + "/" &&
           (location.program == config::ProgramKind::in_place ||
            location.program == config::ProgramKind::directory);
  });
}

}  // namespace

Located locate(const config::Config& config, const config::Site& site, const http::Path& path,
               const access::Peer& visitor) {
  const Within in{config, site, visitor};
  const Route route = find_route(site, path);
  const config::Location& location = route.location;
  if (auto refusal = refusal_by_path(site, path, visitor); !refusal.empty())
    return keep_out(location, std::move(refusal));
  if (lacks_the_slash(site, route, path))
    return {.kind = Kind::redirect,
            .location = &location,
            .redirect = http::encode_path(path.text + "/")};
  switch (location.program) {
    case config::ProgramKind::single:
      return run(in, location, path, cgi::single_program(location.path, path, route.matched));
    case config::ProgramKind::directory:
      return run(in, location, path,
                 cgi::resolve_script(location.path, path, route.matched, true,
                                     {location.path, location.links}));
    case config::ProgramKind::in_place:
      if (location.match.kind != config::MatchKind::prefix) break;
      return run(in, location, path,
                 cgi::resolve_script(site.root + path.text.substr(0, route.matched - 1), path,
                                     route.matched, location.interpreter.empty(),
                                     {site.root, location.links}));
    case config::ProgramKind::none:
      if (location.match.kind == config::MatchKind::extension && route.matched < path.text.size())
        break;
      return locate_static(in, location, path);
  }
  return run_by_ending(in, {&location, route.matched}, path);
}

}  // namespace cgisrv::site
