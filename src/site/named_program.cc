#include "site/named_program.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/text.h"
#include "base/tree.h"
#include "cgi/resolve.h"
#include "site/access_rules.h"
#include "site/locate_steps.h"
#include "site/mapping.h"
#include "site/program_source.h"
#include "site/router.h"

namespace cgisrv::site {

namespace {

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    const auto segment = text::take_until(path, '/');
    if (segment == "." || segment == "..") return true;
  }
  return false;
}

// Where the program's name ends, if the path goes on behind a file; else all of it. The kernel
// tells of each shorter path whether it leads through a file, and so a few questions suffice.
std::size_t end_of_program(const std::string& file) {
  struct stat status {};
  const auto goes_on_behind_a_file = [&](std::size_t end) {
    return ::stat(file.substr(0, end).c_str(), &status) != 0 &&
           (errno == ENOTDIR || errno == ENAMETOOLONG);
  };
  if (!goes_on_behind_a_file(file.size())) return file.size();
  std::vector<std::size_t> ends;
  for (auto slash = file.find('/', 1); slash != file.npos; slash = file.find('/', slash + 1))
    ends.push_back(slash);
  const auto first = std::ranges::partition_point(
      ends, [&](std::size_t end) { return !goes_on_behind_a_file(end); });
  return first == ends.begin() ? file.size() : *std::prev(first);
}

// What governs links below it; all of the file's name, if nobody has configured a folder of it.
std::string_view tree_of(const config::Site& site, const config::Location& location,
                         std::span<const std::string> programs, std::string_view file) {
  for (const std::string_view folder :
       {std::string_view(site.root), std::string_view(location.path),
        std::string_view(location.files)})
    if (!folder.empty() && is_below(file, folder)) return folder;
  const auto found = std::ranges::find_if(
      programs, [&](const std::string& folder) { return is_below(file, folder); });
  return found == programs.end() ? "/" : std::string_view(*found);
}

// SCRIPT_NAME as a client would have to write it: a web server may keep two slashes, or have none.
std::string as_asked_for(std::string_view script_name) {
  std::string path = "/" + std::string(script_name);
  const auto rest = std::ranges::unique(path, [](char a, char b) { return a == '/' && b == '/'; });
  path.erase(rest.begin(), rest.end());
  return path;
}

struct Request {
  const config::Config& config;
  const config::Site& site;
  const http::Path& path;
  const access::Peer& visitor;
};

// Why the client is kept out of the path that it has asked for, of that by which the web server
// has found the program, or of one by which the site has the file; empty: it is let in. `own`: set
// to a path of the file, if it has one.
std::string refusal_for(const Request& request, const NamedProgram& named, const std::string& file,
                        const Seen& seen, std::string& own) {
  const auto refusal_of = [&](const http::Path& path) {
    if (is_denied(request.site, path.text))
      return fmt::format("a location denies {}", text::escape(path.text, 200));
    if (has_dotfile(path.text)) return text::escape(path.text, 200) + " leads to a dotfile";
    return refusal_by_path(request.site, path, request.visitor);
  };
  std::string refusal = refusal_of(request.path);
  if (refusal.empty() && !named.script_name.empty())
    refusal = refusal_of(http::plain_path(as_asked_for(named.script_name)));
  if (!refusal.empty()) return refusal;
  any_path_to(request.site, request.site.real_root, seen.real, [&](const std::string& path) {
    own = path;
    refusal = refusal_of(http::plain_path(path));
    return !refusal.empty();
  });
  if (!refusal.empty()) return refusal;
  return refusal_by_file(request.config, request.site, request.path, file, seen, request.visitor);
}

// The location that the client's path leads to, if it runs that file. Others may run it too, as one
// program with other variables for each.
const config::Location* asked_for(const Request& request, const std::string& real) {
  const config::Location& location = find_route(request.site, request.path).location;
  const auto leads_there = [&](std::string_view path) {
    const std::string_view asked = request.path.text;
    return asked.starts_with(path) && (asked.size() == path.size() || asked[path.size()] == '/');
  };
  if (location.program == config::ProgramKind::in_place)
    return any_path_to(request.site, request.site.real_root, real, leads_there) ? &location
                                                                                : nullptr;
  if (location.path.empty()) return nullptr;
  const std::string programs = real_path(location.path);
  return !programs.empty() && is_below(real, programs) ? &location : nullptr;
}

// The location that runs it, or gives its options; null: it is not to be run, for that reason.
const config::Location* location_for(const Request& request, const std::string& file,
                                     const Seen& seen, std::span<const std::string> programs,
                                     std::string& problem) {
  const bool is_listed = is_among(programs, seen.real);
  const auto may_run = [&](const config::Location& location) {
    return programs.empty() || is_listed || location.names_program();
  };
  if (const auto* const asked = asked_for(request, seen.real); asked != nullptr && may_run(*asked))
    return asked;
  const auto runs = what_runs_real(request.config, request.site, seen.real, seen.status.st_mode);
  if (!runs) {
    problem = fmt::format("{} cannot be looked up: {}", text::escape(file), runs.error().what);
    return nullptr;
  }
  const bool is_of_site = runs->location != nullptr && runs->site == &request.site;
  if (is_listed) return runs->location != nullptr ? runs->location : &request.site.fallback;
  if (is_of_site && may_run(*runs->location)) return runs->location;
  problem = fmt::format(
      "{} {}, which a web server has named; add a location with cgi = \"{}\", or {} \"{}\", or its "
      "folder, {} programs of the [[listen]] that it uses",
      programs.empty() ? "no location runs" : "neither programs nor a location names",
      text::escape(file), text::escape(seen.real), programs.empty() ? "write" : "add",
      text::escape(seen.real), programs.empty() ? "into" : "to");
  return nullptr;
}

void describe(cgi::Script& script, const NamedProgram& named, const http::Path& path,
              std::string_view rest) {
  script.path_info = rest.empty() ? named.path_info : std::string(rest);
  script.name = named.script_name.empty() ? path.text : named.script_name;
  const bool goes_on = !rest.empty() || named.script_name.empty();
  if (goes_on && script.name.ends_with(script.path_info))
    script.name.resize(script.name.size() - script.path_info.size());
  if (rest.empty() && named.translated.starts_with('/')) script.translated = named.translated;
}

std::string_view without_last_slash(std::string_view path) {
  while (path.ends_with('/'))
    path.remove_suffix(1);
  return path;
}

int status_of(cgi::Found found) {
  if (found == cgi::Found::unavailable) return 503;
  return found == cgi::Found::missing ? 404 : 403;
}

// What may have gone wrong in the web server's configuration; empty: nothing that is known.
std::string_view advice_for(const NamedProgram& named) {
  if (named.is_made_up)
    return "; the web server has sent no SCRIPT_FILENAME, so the name was made of DOCUMENT_ROOT "
           "and SCRIPT_NAME";
  if (named.file.ends_with('/'))
    return "; SCRIPT_FILENAME has to name a program (nginx adds one to a path that ends in a slash "
           "by fastcgi_index)";
  return {};
}

Located locate_program(const Request& request, const NamedProgram& named,
                       std::span<const std::string> programs) {
  const auto& [config, site, path, visitor] = request;
  const config::Location& asked = find_route(site, path).location;
  if (!named.file.starts_with('/') || has_dot_segment(named.file))
    return refuse(asked, 403,
                  fmt::format("a web server has named the program {}; SCRIPT_FILENAME has to be an "
                              "absolute path without dots",
                              text::escape(named.file, 200)));
  const std::size_t end = end_of_program(named.file);
  const std::string file = named.file.substr(0, end);
  const auto examined = [&](const std::string& name, bool needs_execute, const Tree& tree) {
    return cgi::single_program(name, path, path.text.size(), needs_execute, tree);
  };
  const auto failed = [&](cgi::Resolution&& found) {
    return Located{
        .location = &asked, .status = status_of(found.found), .problem = std::move(found.problem)};
  };
  Seen seen;
  seen.real = real_path(file);
  if (seen.real.empty() || ::stat(seen.real.c_str(), &seen.status) != 0)
    return failed(examined(file, false, {}));
  std::string own;
  if (auto refusal = refusal_for(request, named, file, seen, own); !refusal.empty())
    return keep_out(asked, std::move(refusal));
  std::string problem;
  const auto* const location = location_for(request, file, seen, programs, problem);
  if (location == nullptr)
    return {.location = &asked, .status = 403, .problem = std::move(problem)};
  if (auto refusal = refusal_by_location(site, *location, visitor); !refusal.empty())
    return keep_out(*location, std::move(refusal));
  const auto found_at = [&](const std::string& name) {
    return examined(name, location->needs_execute(),
                    {tree_of(site, *location, programs, name), location->links});
  };
  auto found = found_at(file);
  // What was judged is what is started, whatever becomes of the links that have led to it.
  if (found.found == cgi::Found::program) found = found_at(seen.real);
  if (found.found != cgi::Found::program) return failed(std::move(found));
  found.script.interpreter = location->interpreter;
  found.script.root = without_last_slash(named.root.starts_with('/') ? named.root : site.root);
  describe(found.script, named, path, std::string_view(named.file).substr(end));
  return {.kind = Located::Kind::program,
          .location = location,
          .script = std::move(found.script),
          .seen = std::move(seen),
          .tried = std::move(own),
          .is_named = true};
}

}  // namespace

bool is_among(std::span<const std::string> programs, const std::string& real) {
  return std::ranges::any_of(programs, [&](const std::string& each) {
    const std::string place = real_path(each);
    return !place.empty() && is_below(real, place) &&
           !has_dotfile(std::string_view(real).substr(place.size()));
  });
}

Located locate_named(const config::Config& config, const config::Site& site, const http::Path& path,
                     const NamedProgram& named, std::span<const std::string> programs,
                     const access::Peer& visitor) {
  Located located = locate_program({config, site, path, visitor}, named, programs);
  if (located.kind == Located::Kind::error && !located.problem.empty() && !located.is_kept_out)
    located.problem += advice_for(named);
  return located;
}

}  // namespace cgisrv::site
