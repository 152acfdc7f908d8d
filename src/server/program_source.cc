#include "server/program_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string_view>

#include "server/router.h"

namespace cgisrv::server {

namespace {

// Also when it is the same.
bool is_below(std::string_view file, std::string_view directory) {
  return !directory.empty() && file.starts_with(directory) &&
         (file.size() == directory.size() || file[directory.size()] == '/');
}

// Without links; empty, with errno set, when there is no such file or it cannot be reached.
std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  return ::realpath(path.c_str(), real.data()) != nullptr ? real.data() : std::string();
}

bool can_be_run(const Site& site, mode_t mode) {
  return (mode & 0111) != 0 || std::ranges::any_of(site.locations, [](const Location& location) {
           return !location.interpreter.empty();
         });
}

}  // namespace

Result<const Location*> location_that_runs(const Site& site, const std::string& file, mode_t mode) {
  for (const Location& location : site.locations)
    if (is_below(file, location.path)) return &location;
  if (!can_be_run(site, mode)) return nullptr;
  const std::string real = real_path(file);
  if (real.empty()) return fail_errno(errno, "{}", file);
  if (real == file) return nullptr;  // the path that was asked for was routed already
  for (const Location& location : site.locations) {
    if (location.path.empty()) continue;
    const std::string programs = real_path(location.path);
    if (programs.empty() && errno != ENOENT) return fail_errno(errno, "{}", location.path);
    if (is_below(real, programs)) return &location;
  }
  const std::string root = real_path(site.root);
  if (root.empty()) return fail_errno(errno, "{}", site.root);
  if (!is_below(real, root)) return nullptr;
  const std::string path = real.substr(root.size());
  const Location& location = find_route(site, {path, path.size()}).location;
  return location.program == ProgramKind::in_place ? &location : nullptr;
}

}  // namespace cgisrv::server
