#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/shortage.h"
#include "base/tree.h"
#include "config/value_check.h"
#include "site/access_rules.h"
#include "site/locate_steps.h"
#include "site/program_source.h"

namespace cgisrv::site {

namespace {

// The first existing index file, located like any file: it may be a program.
std::optional<Located> locate_index(const Within& in, const config::Location& location,
                                    const http::Path& directory) {
  for (const auto& name : location.index) {
    const auto text = directory.text + name;
    in.note(Step::Kind::index, &location, text);
    Located index = locate_in(in, http::plain_path(text));
    const bool is_file = index.kind == Located::Kind::program || index.kind == Located::Kind::file;
    if (!is_file && (index.kind != Located::Kind::error || index.status == 404)) continue;
    index.index = text;
    return index;
  }
  return std::nullopt;
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

// What somebody has looked at already is not looked at again.
int look(const Within& in, const config::Location& location, const Tree& tree,
         const std::string& file, Seen& seen) {
  if (in.known != nullptr && in.known->name == file && in.known->seen.is_real) {
    seen = std::exchange(in.known->seen, {});
    return 0;
  }
  if (in.look != nullptr && location.answers.compress)
    return in.look->look(location, tree, file, seen);
  return tree.look(file, seen);
}

// Why the source of a program is not sent.
std::string sentence_about(const Within& in, const std::string& file, const Runs& runs) {
  const std::string whose =
      runs.site == &in.site
          ? "; its source is not sent"
          : fmt::format(" of site {}; its source is sent here only where cgi = false is said",
                        runs.site->title());
  return fmt::format("{} belongs to the programs of location {}{}", file,
                     config::format_match(runs.location->match), whose);
}

}  // namespace

Located locate_directory(const Within& in, const Route& route, const http::Path& path) {
  const config::Location& location = route.location;
  if (!path.text.ends_with('/')) {
    return {.kind = Located::Kind::slash,
            .location = &location,
            .redirect = http::encode_path(path.text) + '/'};
  }
  if (auto index = locate_index(in, location, path)) return std::move(*index);
  const bool has_files =
      location.program == config::ProgramKind::none ||
      (location.program == config::ProgramKind::in_place && in.site.lists_programs);
  if (location.listing.value_or(in.site.listing) && has_files) {
    const Mapping mapping = find_mapping(route);
    return {.kind = Located::Kind::listing,
            .location = &location,
            .file = mapping.file(path.text),
            .tree = mapping.tree};
  }
  return refuse(location, 404, fmt::format("{} has no index and is not listed", path.text));
}

Located locate_static(const Within& in, const Route& route, const http::Path& path) {
  const config::Location& location = route.location;
  if (path.plain < path.text.size()) {
    return refuse(location, 404, fmt::format("{} holds an encoded slash", path.text));
  }
  if (has_dotfile(path.text))
    return refuse(location, 404, path.text + " is a dotfile, or in a folder that is one");
  const Mapping mapping = find_mapping(route);
  std::string file = mapping.file(path.text);
  if (is_unsafe(route, mapping))
    return refuse(location, 404, file + " is no name of a file to serve");
  if (!mapping.tree.empty() && mapping.tree.data() != in.site.root.data())
    in.note(Step::Kind::files, mapping.name.empty() ? route.alias : &location, file);
  Seen seen;
  if (const int error = look(in, location, {mapping.tree, location.links}, file, seen);
      error != 0) {
    const bool a_link = error == ELOOP && location.links != Links::follow;
    if (in.is_attempt && status_for(error) == 404 && !a_link) return {.location = &location};
    return refuse(location, a_link ? 403 : status_for(error),
                  fmt::format("{}: {}", file,
                              a_link ? "a symbolic link in it may not be followed; see symlinks"
                                     : errno_text(error)));
  }
  if (auto refusal = refusal_by_file(in.config, in.site, path, file, seen, in.visitor, in.trace);
      !refusal.empty())
    return keep_out(location, std::move(refusal));
  if (S_ISDIR(seen.status.st_mode)) return locate_directory(in, route, path);
  if (!S_ISREG(seen.status.st_mode)) {
    return refuse(location, 403, file + " is neither a file nor a directory");
  }
  if (is_password_file(in.config, file, seen))
    return refuse(location, 404, file + " is a password or group file, which is never sent");
  // Within a `try`, the route of the path is another one.
  const std::string_view own = in.without_try ? std::string_view() : std::string_view(path.text);
  const auto runs = what_runs(in.config, route, file, seen, own);
  if (!runs) return refuse(location, status_for(runs.error().code), runs.error().what);
  if (runs->location != nullptr) return refuse(location, 403, sentence_about(in, file, *runs));
  return {.kind = Located::Kind::file,
          .location = &location,
          .file = std::move(file),
          .tree = mapping.tree,
          .seen = std::move(seen)};
}

}  // namespace cgisrv::site
