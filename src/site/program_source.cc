#include "site/program_source.h"

#include <cerrno>
#include <string_view>

#include "base/tree.h"
#include "config/config.h"
#include "site/mapping.h"

namespace cgisrv::site {

namespace {

// Where a path that names a file leads. A segment before it that has an ending is a folder.
Route route_of_file(const config::Site& site, const std::string& path) {
  Choice choice;
  while (true) {
    Route route = find_route(site, http::plain_path(path), choice);
    const bool is_folder = route.location.match.has_ending() && route.matched < path.size();
    if (!is_folder || route.failure) return route;
    choice.after = route.matched;
  }
}

// The location of `site` that runs the file in place under one of its paths, or may do so: its
// regular expression gives up. Null if none does. `root` as for any_path_to().
const config::Location* runner_in_place(const config::Site& site, std::string_view root,
                                        const std::string& file, std::string_view but = {}) {
  const config::Location* found = nullptr;
  const auto ask = [&](const std::string& path) {
    const Route route = route_of_file(site, path);
    if (route.failure || route.location.program == config::ProgramKind::in_place)
      found = &route.location;
    return found != nullptr;
  };
  any_path_to(site, root, file, ask, but);
  return found;
}

// Whether cgi = false is said for the file.
bool is_asked_for(const config::Site& site, std::string_view root, const std::string& file) {
  return any_path_to(site, root, file, [&](const std::string& path) {
    const Route route = route_of_file(site, path);
    return !route.failure && route.location.files_only;
  });
}

// A site other than `asked` that runs the file, by its present folders and by those that they led
// to when the configuration was read.
Runs other_that_runs(const config::Config& config, const config::Site& asked,
                     const std::string& file) {
  for (const config::Site& site : config.sites) {
    if (&site == &asked) continue;
    for (const config::Location& location : site.locations)
      if (is_below(file, location.path) || is_below(file, location.real_path))
        return {&site, &location};
    for (const std::string_view root : {site.root, site.real_root})
      if (const auto* location = runner_in_place(site, root, file)) return {&site, location};
  }
  return {};
}

// A file whose name is without links.
Result<Runs> runs_of_real(const config::Config& config, const config::Site& site,
                          const std::string& real) {
  for (const config::Location& location : site.locations) {
    if (location.path.empty()) continue;
    const std::string programs = real_path(location.path);
    if (programs.empty() && errno != ENOENT) return fail_errno(errno, "{}", location.path);
    if (is_below(real, programs)) return Runs{&site, &location};
  }
  const std::string root = real_path(site.root);
  if (root.empty()) return fail_errno(errno, "{}", site.root);
  if (const auto* location = runner_in_place(site, root, real)) return Runs{&site, location};
  if (is_asked_for(site, root, real)) return Runs{};
  return other_that_runs(config, site, real);
}

}  // namespace

bool can_be_run(const config::Config& config, mode_t mode) {
  const auto reads_programs = [](const auto& each) { return !each.needs_execute(); };
  return (mode & 0111) != 0 || config::any_location(config, reads_programs);
}

Result<Runs> what_runs(const config::Config& config, const Route& routed, const std::string& file,
                       const Seen& seen, std::string_view own) {
  const config::Site& site = routed.site;
  for (const config::Location& location : site.locations)
    if (is_below(file, location.path)) return Runs{&site, &location};
  if (!routed.location.files_only) {
    // Its own route has made it a file; another path may lead to it, too.
    if (const auto* location = runner_in_place(site, site.root, file, own))
      return Runs{&site, location};
    if (const Runs other = other_that_runs(config, site, file); other.location) return other;
  }
  if (!can_be_run(config, seen.status.st_mode)) return Runs{};
  const std::string& real = real_name(file, seen);
  if (real.empty()) return fail_errno(errno, "{}", file);
  if (real == file) return Runs{};
  return runs_of_real(config, site, real);
}

Result<Runs> what_runs_real(const config::Config& config, const config::Site& site,
                            const std::string& real, mode_t mode) {
  if (!can_be_run(config, mode)) return Runs{};
  return runs_of_real(config, site, real);
}

}  // namespace cgisrv::site
