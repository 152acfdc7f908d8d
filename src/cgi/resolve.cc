#include "cgi/resolve.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/result.h"
#include "base/shortage.h"
#include "base/text.h"
#include "cgi/permissions.h"

namespace cgisrv::cgi {
namespace {

// The problems quote the client's request, so they must be escaped for the log.
Resolution missing(std::string_view problem) {
  return {Found::missing, {}, text::escape(problem)};
}
Resolution forbidden(std::string_view problem) {
  return {Found::forbidden, {}, text::escape(problem)};
}

Resolution unreachable(const std::string& file, int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      return missing(fmt::format("{} does not exist", file));
    case ELOOP:
      return missing(fmt::format("{} is a symbolic link that leads nowhere", file));
    case EACCES:
      return {Found::forbidden, {}, why_unreachable(file)};
    default:
      return {is_shortage(code) ? Found::unavailable : Found::forbidden,
              {},
              text::escape(fmt::format("{} cannot be examined: {}", file, errno_text(code)))};
  }
}

Resolution refused_link(const std::string& file, Links links) {
  return forbidden(fmt::format("{} is, or leads through, a symbolic link{}; see symlinks", file,
                               links == Links::never ? "" : " to what its owner does not own"));
}

Resolution special(const std::string& file) {
  return forbidden(fmt::format("{} is neither a file nor a directory", file));
}

// `file` as the program that the first `end` bytes of `path` name, unless it is a directory.
Resolution examine(const std::string& file, bool needs_execute, const std::string& path,
                   std::size_t end, const Tree& tree) {
  struct stat status {};
  const int error = tree.examine(file, status);
  if (error == ELOOP && tree.links != Links::follow) return refused_link(file, tree.links);
  if (error != 0) return unreachable(file, error);
  if (S_ISDIR(status.st_mode)) return {.found = Found::directory};
  if (!S_ISREG(status.st_mode)) return special(file);
  if (needs_execute && !may(file, X_OK)) return {Found::forbidden, {}, why_not_run(file)};
  if (!needs_execute && !may(file, R_OK)) {
    return forbidden(fmt::format("{0} is not readable; run: chmod a+r {0}", file));
  }
  Resolution found{.found = Found::program};
  found.script.name = path.substr(0, end);
  found.script.path_info = path.substr(end);
  found.script.nph = file.compare(file.rfind('/') + 1, 4, "nph-") == 0;
  found.script.filename = file;
  found.script.links = tree.links;
  found.script.tree = tree.root;
  return found;
}

}  // namespace

Resolution resolve_script(const std::string& directory, const http::Path& path, std::size_t prefix,
                          bool needs_execute, const Tree& tree) {
  const std::string& text = path.text;
  std::string file = directory;
  std::size_t begin = prefix;
  if (begin < text.size() && text[begin] == '/') ++begin;
  while (begin < text.size()) {
    const auto end = std::min(text.find('/', begin), text.size());
    file.append(1, '/').append(text, begin, end - begin);
    if (begin >= path.plain || end > path.plain)
      return missing(fmt::format("{} holds an encoded slash", file));
    if (text[begin] == '.') return missing(fmt::format("{} is a dotfile", file));
    if (auto found = examine(file, needs_execute, text, end, tree); found.found != Found::directory)
      return found;
    begin = end + 1;
  }
  return {.found = Found::directory};
}

Resolution single_program(const std::string& file, const http::Path& path, std::size_t prefix,
                          bool needs_execute, const Tree& tree) {
  if (prefix > 0 && path.text[prefix - 1] == '/') --prefix;
  auto found = examine(file, needs_execute, path.text, prefix, tree);
  if (found.found == Found::directory)
    return forbidden(fmt::format("{} is a directory, and no program", file));
  return found;
}

}  // namespace cgisrv::cgi
