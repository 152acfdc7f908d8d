#include "server/locate.h"

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
#include "server/program_source.h"
#include "server/router.h"

namespace cgisrv::server {
namespace {

using Kind = Located::Kind;

// `problem` names what the client asked for, so that it must be made fit for the log.
Located refuse(const Location& location, int status, std::string_view problem) {
  return {.location = &location, .status = status, .problem = text::escape(problem)};
}

// Dot segments are gone from a decoded path, so that a segment with a dot in front is a dotfile;
// but for the one that is there to be found (RFC 8615).
bool has_dotfile(std::string_view path) {
  constexpr std::string_view well_known = "/.well-known";
  if (path == well_known || path.starts_with("/.well-known/"))
    path.remove_prefix(well_known.size());
  return path.find("/.") != path.npos;
}

// The first of the site's index files that is there, located in its own right: it may be a program.
std::optional<Located> locate_index(const Site& site, const http::Path& directory) {
  for (const auto& name : site.index) {
    const auto text = directory.text + name;
    Located index = locate(site, {text, text.size()});
    const bool is_file = index.kind == Kind::program || index.kind == Kind::file;
    if (is_file || (index.kind == Kind::error && index.status != 404)) return index;
  }
  return std::nullopt;
}

// `path` names a directory.
Located locate_directory(const Site& site, const Location& location, const http::Path& path) {
  if (!path.text.ends_with('/')) {
    return {.kind = Kind::redirect,
            .location = &location,
            .redirect = http::encode_path(path.text) + '/'};
  }
  if (auto index = locate_index(site, path)) return *index;
  const bool has_files = location.program == ProgramKind::none ||
                         (location.program == ProgramKind::in_place && site.lists_programs);
  if (site.listing && has_files) {
    return {.kind = Kind::listing, .location = &location, .file = site.root + path.text};
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

Located locate_static(const Site& site, const Location& location, const http::Path& path) {
  if (path.plain < path.text.size()) {
    return refuse(location, 404, fmt::format("{} holds an encoded slash", path.text));
  }
  if (has_dotfile(path.text)) return refuse(location, 404, path.text + " is or is in a dotfile");
  std::string file = site.root + path.text;
  struct stat status {};
  if (const int error = Tree{site.root, location.links}.examine(file, status); error != 0) {
    const bool a_link = error == ELOOP && location.links != Links::follow;
    return refuse(location, a_link ? 403 : status_for(error),
                  fmt::format("{}: {}", file,
                              a_link ? "a symbolic link in it may not be followed; see symlinks"
                                     : errno_text(error)));
  }
  if (S_ISDIR(status.st_mode)) return locate_directory(site, location, path);
  if (!S_ISREG(status.st_mode)) {
    return refuse(location, 403, file + " is neither a file nor a directory");
  }
  const auto program = location_that_runs(site, file, status.st_mode);
  if (!program) return refuse(location, status_for(program.error().code), program.error().what);
  if (*program != nullptr) {
    return refuse(location, 403,
                  fmt::format("{} belongs to the programs of location {}; its source is not sent",
                              file, (*program)->match.text));
  }
  return {.kind = Kind::file, .location = &location, .file = std::move(file)};
}

int status_for(cgi::Found found) {
  if (found == cgi::Found::unavailable) return 503;
  return found == cgi::Found::missing ? 404 : 403;
}

Located run(const Site& site, const Location& location, const http::Path& path,
            cgi::Resolution found) {
  if (found.found == cgi::Found::directory) return locate_directory(site, location, path);
  if (found.found != cgi::Found::program) {
    return {.location = &location,
            .status = status_for(found.found),
            .problem = std::move(found.problem)};
  }
  found.script.root = site.root;
  found.script.interpreter = location.interpreter;
  return {.kind = Kind::program, .location = &location, .script = std::move(found.script)};
}

// The next segment from the slash at `begin` on that has the ending of a location for programs.
struct Ending {
  const Location* location = nullptr;
  std::size_t end = 0;  // of the segment
};
Ending next_by_ending(const Site& site, const http::Path& path, std::size_t begin) {
  for (std::size_t end; begin < path.plain; begin = end) {
    end = std::min(path.text.find('/', begin + 1), path.plain);
    const auto segment = std::string_view(path.text).substr(begin, end - begin);
    for (const auto& location : site.locations) {
      if (location.match.kind == MatchKind::extension &&
          location.program == ProgramKind::in_place && segment.ends_with(location.match.text)) {
        return {&location, end};
      }
    }
  }
  return {};
}

// The file at the first `end` bytes of the path and no other is the program.
cgi::Resolution resolve_exactly(const Site& site, const Location& location, const http::Path& path,
                                std::size_t end) {
  const http::Path file{path.text.substr(0, end), end};
  const auto slash = file.text.rfind('/');
  auto found = cgi::resolve_script(site.root + file.text.substr(0, slash), file, slash,
                                   location.interpreter.empty(), {site.root, location.links});
  found.script.path_info = path.text.substr(end);
  return found;
}

// "/dir.cgi/now.cgi": a directory may have the ending that matched, and a program be below it.
Located run_by_ending(const Site& site, Ending ending, const http::Path& path) {
  for (; ending.location; ending = next_by_ending(site, path, ending.end)) {
    if (has_dotfile(path.text.substr(0, ending.end))) break;
    if (ending.location->program == ProgramKind::none) continue;
    auto found = resolve_exactly(site, *ending.location, path, ending.end);
    if (found.found == cgi::Found::directory) continue;
    return run(site, *ending.location, path, std::move(found));
  }
  return locate_static(site, site.fallback, path);
}

// "/git" where programs answer below "/git/": a directory without its slash, as far as the client
// can tell.
bool lacks_the_slash(const Site& site, const Route& route, const http::Path& path) {
  if (route.location.match.kind == MatchKind::exact || path.text.ends_with('/')) return false;
  return std::ranges::any_of(site.locations, [&](const Location& location) {
    return location.match.kind == MatchKind::prefix && location.program != ProgramKind::none &&
           location.match.text == path.text + "/";
  });
}

}  // namespace

Located locate(const Site& site, const http::Path& path) {
  const Route route = find_route(site, path);
  const Location& location = route.location;
  if (lacks_the_slash(site, route, path))
    return {.kind = Kind::redirect,
            .location = &location,
            .redirect = http::encode_path(path.text + "/")};
  switch (location.program) {
    case ProgramKind::single:
      return run(site, location, path, cgi::single_program(location.path, path, route.matched));
    case ProgramKind::directory:
      return run(site, location, path,
                 cgi::resolve_script(location.path, path, route.matched, true,
                                     {location.path, location.links}));
    case ProgramKind::in_place:
      if (location.match.kind != MatchKind::prefix) break;
      return run(site, location, path,
                 cgi::resolve_script(site.root + path.text.substr(0, route.matched - 1), path,
                                     route.matched, location.interpreter.empty(),
                                     {site.root, location.links}));
    case ProgramKind::none:
      if (location.match.kind == MatchKind::extension && route.matched < path.text.size()) break;
      return locate_static(site, location, path);
  }
  return run_by_ending(site, {&location, route.matched}, path);
}

}  // namespace cgisrv::server
