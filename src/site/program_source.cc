#include "site/program_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "site/router.h"

namespace cgisrv::site {

bool is_below(std::string_view file, std::string_view directory) {
  return !directory.empty() && file.starts_with(directory) &&
         (file.size() == directory.size() || file[directory.size()] == '/');
}

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  return ::realpath(path.c_str(), real.data()) != nullptr ? real.data() : std::string();
}

namespace {

bool has_interpreter(const config::Location& location) {
  return !location.interpreter.empty();
}

bool can_be_run(const config::Config& config, mode_t mode) {
  return (mode & 0111) != 0 || std::ranges::any_of(config.sites, [](const config::Site& site) {
           return std::ranges::any_of(site.locations, has_interpreter);
         });
}

// The location of `site` for the file if `root`, the site's, holds it; null if not.
const config::Location* route_below(const config::Site& site, const std::string& root,
                                    const std::string& file) {
  if (!is_below(file, root)) return nullptr;
  const std::string path = file.substr(root.size());
  return &find_route(site, {path, path.size()}).location;
}

bool runs_in_place(const config::Location* location) {
  return location != nullptr && location->program == config::ProgramKind::in_place;
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
    for (const std::string& root : {std::cref(site.root), std::cref(site.real_root)})
      if (const config::Location* location = route_below(site, root, file); runs_in_place(location))
        return {&site, location};
  }
  return {};
}

// A file whose name is without links.
Result<Runs> what_runs_real(const config::Config& config, const config::Site& site,
                            const std::string& real) {
  for (const config::Location& location : site.locations) {
    if (location.path.empty()) continue;
    const std::string programs = real_path(location.path);
    if (programs.empty() && errno != ENOENT) return fail_errno(errno, "{}", location.path);
    if (is_below(real, programs)) return Runs{&site, &location};
  }
  const std::string root = real_path(site.root);
  if (root.empty()) return fail_errno(errno, "{}", site.root);
  const config::Location* location = route_below(site, root, real);
  if (runs_in_place(location)) return Runs{&site, location};
  if (location != nullptr && location->files_only) return Runs{};
  return other_that_runs(config, site, real);
}

}  // namespace

Result<Runs> what_runs(const config::Config& config, const config::Site& site,
                       const std::string& file, mode_t mode) {
  for (const config::Location& location : site.locations)
    if (is_below(file, location.path)) return Runs{&site, &location};
  // Its own route has been followed already, and made it a file.
  const config::Location* routed = route_below(site, site.root, file);
  const bool asked_for = routed != nullptr && routed->files_only;
  if (!asked_for)
    if (const Runs other = other_that_runs(config, site, file); other.location) return other;
  if (!can_be_run(config, mode)) return Runs{};
  const std::string real = real_path(file);
  if (real.empty()) return fail_errno(errno, "{}", file);
  if (real == file) return Runs{};
  return what_runs_real(config, site, real);
}

}  // namespace cgisrv::site
