#include "site/locate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "base/tree.h"
#include "config/key_lines.h"
#include "config/value_check.h"
#include "pattern/budget.h"
#include "site/access_rules.h"
#include "site/locate_steps.h"

namespace cgisrv::site {

using Kind = Located::Kind;

Located refuse(const config::Location& location, int status, std::string_view problem) {
  return {.location = &location, .status = status, .problem = text::escape(problem)};
}

// A decoded path has no dot segments, so a segment with a leading dot is a dotfile, except the one
// that is meant to be found (RFC 8615).
bool has_dotfile(std::string_view path) {
  constexpr std::string_view well_known = "/.well-known";
  if (path == well_known || path.starts_with("/.well-known/"))
    path.remove_prefix(well_known.size());
  return path.find("/.") != path.npos;
}

// PATH_TRANSLATED is the file that the rest of the path would name if it were the whole path.
void set_path_info(const config::Site& site, cgi::Script& script, std::string path_info) {
  script.path_info = std::move(path_info);
  script.translated.clear();
  const auto has_files = [](const config::Location& each) { return !each.files.empty(); };
  if (script.path_info.empty() || std::ranges::none_of(site.locations, has_files)) return;
  const Route route = find_route(site, http::plain_path(script.path_info));
  script.translated = find_mapping(route).file(script.path_info);
}

Located keep_out(const config::Location& location, std::string refusal) {
  return {.location = &location, .status = 403, .problem = std::move(refusal), .is_kept_out = true};
}

namespace {

Located refuse_denied(const config::Location& location, const config::Location& denying,
                      const http::Path& path) {
  const int status = denying.deny == config::Deny::hidden ? 404 : 403;
  return refuse(location, status,
                fmt::format("location {}{} denies {}", config::format_match(denying.match),
                            line_text(config::find_line(denying.lines, {"deny"})), path.text));
}

// Nobody knows which location would answer.
Located refuse_unknown(const config::Location& location, const Error& failure,
                       const http::Path& path) {
  const std::string match = config::format_match(location.match);
  if (failure.code == EMSGSIZE)
    return refuse(location, 414,
                  fmt::format("location {} cannot tell whether it matches this path: {}", match,
                              failure.what));
  return refuse(location, 500,
                fmt::format("location {} gave up on {}: {}; its regular expression takes too many "
                            "steps, write a simpler one",
                            match, path.text.substr(0, 200), failure.what));
}

// A regular expression with a rule of access gave up: nobody knows who may have the path.
std::optional<Located> refuse_unknown_rules(const Within& in, const http::Path& path) {
  for (const config::Location& location : in.site.locations) {
    const auto& pattern = location.match.pattern;
    if (pattern == nullptr || (!location.access.allow && !location.access.auth)) continue;
    const auto found = pattern->match(std::string_view(path.text).substr(0, path.plain));
    if (!found) return refuse_unknown(location, found.error(), path);
  }
  return std::nullopt;
}

// A slash that was sent as %2F is one for programs: what is denied is looked for both ways.
std::optional<Located> refuse_by_any_spelling(const Within& in, const config::Location& location,
                                              const http::Path& path) {
  if (auto refused = refuse_unknown_rules(in, path)) return refused;
  if (path.plain == path.text.size()) return std::nullopt;
  const http::Path with_slashes = http::with_all_slashes(path);
  if (auto refused = refuse_unknown_rules(in, with_slashes)) return refused;
  const Route other = find_route(in.site, with_slashes);
  if (other.failure) return refuse_unknown(other.location, *other.failure, with_slashes);
  if (other.location.deny == config::Deny::no) return std::nullopt;
  return refuse_denied(location, other.location, with_slashes);
}

// What holds for the program's own path holds for each path that goes on behind it.
std::optional<Located> refuse_program(const Within& in, const config::Location& location,
                                      const http::Path& name) {
  if (auto refused = refuse_unknown_rules(in, name)) return refused;
  if (auto refusal = refusal_by_path(in.site, name, in.visitor, in.trace); !refusal.empty())
    return keep_out(location, std::move(refusal));
  const Route own = find_route(in.site, name, {0, in.without_try});
  if (own.failure) return refuse_unknown(own.location, *own.failure, name);
  if (own.location.deny != config::Deny::no) return refuse_denied(location, own.location, name);
  if (own.location.files_only)
    return refuse(location, 404, name.text + " is a file, which no path goes on behind");
  return std::nullopt;
}

int status_of(cgi::Found found) {
  if (found == cgi::Found::unavailable) return 503;
  return found == cgi::Found::missing ? 404 : 403;
}

Located run(const Within& in, const Route& route, const http::Path& path, cgi::Resolution found) {
  const config::Location& location = route.location;
  if (found.found == cgi::Found::directory) return locate_directory(in, route, path);
  if (found.found != cgi::Found::program) {
    return {.location = &location,
            .status = status_of(found.found),
            .problem = std::move(found.problem)};
  }
  const http::Path name = http::plain_path(found.script.name);
  if (location.program != config::ProgramKind::single && name.text != path.text)
    if (auto refused = refuse_program(in, location, name)) return std::move(*refused);
  Seen seen;
  // A program that a location names is that location's, wherever it is.
  if (location.program == config::ProgramKind::in_place)
    if (auto refusal = refusal_by_file(in.config, in.site, name, found.script.filename, seen,
                                       in.visitor, in.trace);
        !refusal.empty())
      return keep_out(location, std::move(refusal));
  found.script.root = in.site.root;
  found.script.interpreter = location.interpreter;
  set_path_info(in.site, found.script, std::move(found.script.path_info));
  return {.kind = Kind::program,
          .location = &location,
          .script = std::move(found.script),
          .seen = std::move(seen)};
}

// Only the file at the first `end` bytes of the path can be the program.
cgi::Resolution resolve_exactly(const Route& route, const http::Path& path, std::size_t end) {
  const bool needs_execute = route.location.needs_execute();
  const Mapping mapping = find_mapping(route);
  if (is_unsafe(route, mapping))
    return {.problem = text::escape(mapping.name + " is no name of a program to run")};
  if (!mapping.name.empty())
    return cgi::single_program(mapping.name, path, end, needs_execute,
                               {mapping.tree, route.location.links});
  if (mapping.prefix > end) return {.found = cgi::Found::directory};  // its files are elsewhere
  const http::Path file{path.text.substr(0, end), end};
  const auto slash = std::max(file.text.rfind('/'), mapping.prefix);
  auto found = cgi::resolve_script(mapping.file(file.text.substr(0, slash)), file, slash,
                                   needs_execute, {mapping.tree, route.location.links});
  found.script.path_info = path.text.substr(end);
  return found;
}

// The first file on the way, below the prefix of the location and of what holds its files.
cgi::Resolution resolve_below(const Route& route, const http::Path& path) {
  const Mapping mapping = find_mapping(route);
  const auto slash = std::max(route.matched - 1, mapping.prefix);
  return cgi::resolve_script(mapping.file(path.text.substr(0, slash)), path, slash,
                             route.location.needs_execute(), {mapping.tree, route.location.links});
}

// "/tools" where programs answer below "/tools/", or where its files are elsewhere: to the client,
// a directory without its slash.
bool lacks_the_slash(const config::Site& site, const Route& route, const http::Path& path) {
  if (route.location.match.kind == config::MatchKind::exact || path.text.ends_with('/'))
    return false;
  return std::ranges::any_of(site.locations, [&](const config::Location& location) {
    return location.match.kind == config::MatchKind::prefix &&
           location.match.text == path.text + "/" &&
           (location.program == config::ProgramKind::in_place ||
            location.program == config::ProgramKind::directory || !location.files.empty() ||
            !location.attempts.empty());
  });
}

// What is run or sent by an ending, or by an exact path. Without a location: the path goes on below
// a directory that has the ending ("/dir.cgi/now.cgi"), and what is there decides.
Located locate_exactly(const Within& in, const Route& route, const http::Path& path) {
  if (route.location.program == config::ProgramKind::none) {
    if (route.location.match.has_ending() && route.matched < path.text.size()) return {};
    return locate_static(in, route, path);
  }
  if (has_dotfile(path.text.substr(0, route.matched))) return locate_static(in, route, path);
  auto found = resolve_exactly(route, path, route.matched);
  if (found.found == cgi::Found::directory && route.matched < path.text.size()) {
    if (route.location.match.has_ending()) return {};
    return refuse(route.location, 404, path.text.substr(0, route.matched) + " is a directory");
  }
  return run(in, route, path, std::move(found));
}

// All below the prefix is the backend's, which is named in place of a file: none is looked for.
cgi::Resolution pass_all(const Route& route, const http::Path& path) {
  std::size_t end = route.matched;
  if (end > 0 && path.text[end - 1] == '/') --end;
  return {.found = cgi::Found::program,
          .script = {.name = path.text.substr(0, end),
                     .filename = route.location.backend.address,
                     .path_info = path.text.substr(end)}};
}

// As locate_exactly().
Located locate_by(const Within& in, const Route& route, const http::Path& path) {
  const config::Location& location = route.location;
  if (auto refused = refuse_by_any_spelling(in, location, path)) return std::move(*refused);
  if (auto refusal = refusal_by_path(in.site, path, in.visitor, in.trace); !refusal.empty())
    return keep_out(location, std::move(refusal));
  if (route.failure) return refuse_unknown(route.location, *route.failure, path);
  if (location.deny != config::Deny::no) return refuse_denied(location, location, path);
  if (!location.redirect.to.empty()) return locate_redirect(route, path);
  if (lacks_the_slash(in.site, route, path))
    return {
        .kind = Kind::slash, .location = &location, .redirect = http::encode_path(path.text + "/")};
  if (!location.attempts.empty() && !in.without_try) return locate_attempts(in, route, path);
  const bool needs_execute = location.needs_execute();
  switch (location.program) {
    case config::ProgramKind::single:
      if (location.is_all_passed()) return run(in, route, path, pass_all(route, path));
      return run(in, route, path,
                 cgi::single_program(location.path, path, route.matched, needs_execute));
    case config::ProgramKind::directory:
      return run(in, route, path,
                 cgi::resolve_script(location.path, path, route.matched, needs_execute,
                                     {location.path, location.links}));
    case config::ProgramKind::in_place:
      if (location.match.kind == config::MatchKind::prefix)
        return run(in, route, path, resolve_below(route, path));
      break;
    case config::ProgramKind::none:
      break;
  }
  return locate_exactly(in, route, path);
}

// The path of the file that answers, as far as endings may deny it; empty if they may not. A single
// program was named by the administrator.
std::string_view name_to_deny(const Located& located, const http::Path& path) {
  if (located.kind == Kind::file) return path.text;
  if (located.kind != Kind::program || located.location->program == config::ProgramKind::single)
    return {};
  return located.script.name;
}

// An ending that denies what a prefix would run or send; null if there is none.
const config::Location* denying_ending(const config::Site& site, std::string_view name) {
  const auto found = std::ranges::find_if(site.locations, [&](const config::Location& location) {
    return location.deny != config::Deny::no &&
           location.match.kind == config::MatchKind::extension &&
           name.ends_with(location.match.text);
  });
  return found == site.locations.end() ? nullptr : &*found;
}

bool is_by_prefix(const config::Location& location) {
  return location.match.kind == config::MatchKind::prefix;
}

Route find_noted(const Within& in, const http::Path& path, Choice choice) {
  Route route = find_route(in.site, path, choice);
  if (in.trace == nullptr) return route;
  in.trace->push_back({Step::Kind::answers, &route.location, path.text, route.rank});
  for (const Candidate& each : find_candidates(in.site, path, choice))
    if (each.location != &route.location)
      in.trace->push_back({Step::Kind::passed_over, each.location, path.text, each.rank});
  return route;
}

// By the best route whose ending, if it has one, is behind `after`, which becomes that ending's.
// What it returns is built in its place, for it is large: so are the locate_...() above.
Located locate_after(const Within& in, const http::Path& path, std::size_t& after) {
  const Route route = find_noted(in, path, {after, in.without_try});
  after = route.matched;
  Located located = locate_by(in, route, path);
  if (is_by_prefix(route.location) && located.location == &route.location)
    if (const auto* denying = denying_ending(in.site, name_to_deny(located, path))) {
      in.note(Step::Kind::denied, denying, name_to_deny(located, path));
      located = refuse_denied(route.location, *denying, path);
    }
  return located;
}

}  // namespace

Located locate_in(const Within& in, const http::Path& path) {
  std::size_t after = 0;
  Located located = locate_after(in, path, after);
  while (located.location == nullptr)
    located = locate_after(in, path, after);
  return located;
}

Located locate(const config::Config& config, const config::Site& site, const http::Path& path,
               const access::Peer& visitor, Trace* trace, Look* look) {
  const pattern::Budget budget;
  return locate_in(
      {.config = config, .site = site, .visitor = visitor, .trace = trace, .look = look}, path);
}

http::Path own_path(const http::Path& path, const Located& located) {
  if (!located.index.empty()) return http::plain_path(located.index);
  return located.tried.empty() ? path : http::plain_path(located.tried);
}

bool is_denied(const config::Site& site, const std::string& path) {
  const Route route = find_route(site, http::plain_path(path));
  const config::Location& location = route.location;
  return location.deny != config::Deny::no || route.failure ||
         (is_by_prefix(location) && denying_ending(site, path) != nullptr);
}

}  // namespace cgisrv::site
