#include "site/mapping.h"

#include <algorithm>

namespace cgisrv::site {

bool is_below(std::string_view file, std::string_view directory) {
  return !directory.empty() && file.starts_with(directory) &&
         (file.size() == directory.size() || file[directory.size()] == '/');
}

Mapping find_mapping(const Route& route) {
  const config::Location& own = route.location;
  const bool is_own = !own.files.empty() && own.match.kind != config::MatchKind::prefix;
  const config::Location* location = is_own ? &own : route.alias;
  if (location == nullptr) return {.tree = route.site.root};
  const std::string_view files = location->files;
  switch (location->match.kind) {
    case config::MatchKind::exact:
      return {.tree = files.substr(0, files.rfind('/')), .name = location->files};
    case config::MatchKind::regex:
      return {.tree = files,
              .name = location->file_names.replace([&](std::string_view name, std::string_view) {
                return value_of(route, {}, name);
              })};
    default:
      return {.tree = files, .prefix = location->match.text.size() - 1};
  }
}

bool is_unsafe(const Route& route, const Mapping& mapping) {
  return route.location.match.kind == config::MatchKind::regex && !mapping.name.empty() &&
         !is_safe(std::string_view(mapping.name).substr(mapping.tree.size()));
}

std::string value_of(const Route& route, std::string_view path, std::string_view name) {
  for (const pattern::Capture& capture : route.captures)
    if (capture.name == name) return capture.text;
  if (name != "path") return {};
  const auto prefix = route.location.match.text.size();
  return std::string(path.substr(std::min(prefix, path.size())));
}

bool is_safe(std::string_view path) {
  return !path.contains("//") && !path.contains("/.");
}

}  // namespace cgisrv::site
