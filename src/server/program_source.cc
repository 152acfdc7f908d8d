#include "server/program_source.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "server/router.h"

namespace cgisrv::server {

namespace {

// Also when it is the same.
bool is_below(std::string_view file, std::string_view directory) {
  return !directory.empty() && file.starts_with(directory) &&
         (file.size() == directory.size() || file[directory.size()] == '/');
}

// Without links; empty when there is no such file.
std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? real.get() : std::string();
}

bool can_be_run(const Site& site, mode_t mode) {
  return (mode & 0111) != 0 || std::ranges::any_of(site.locations, [](const Location& location) {
           return !location.interpreter.empty();
         });
}

}  // namespace

const Location* location_that_runs(const Site& site, const std::string& file, mode_t mode) {
  for (const Location& location : site.locations)
    if (is_below(file, location.path)) return &location;
  if (!can_be_run(site, mode)) return nullptr;
  const std::string real = real_path(file);
  if (real == file) return nullptr;  // the path that was asked for was routed already
  for (const Location& location : site.locations)
    if (!location.path.empty() && is_below(real, real_path(location.path))) return &location;
  const std::string root = real_path(site.root);
  if (!is_below(real, root)) return nullptr;
  const std::string path = real.substr(root.size());
  const Location& location = find_route(site, {path, path.size()}).location;
  return location.program == ProgramKind::in_place ? &location : nullptr;
}

}  // namespace cgisrv::server
