#include "cgi/sent_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/text.h"

namespace cgisrv::cgi {

namespace {

bool has_parent_segment(std::string_view path) {
  while (!path.empty())
    if (text::take_until(path, '/') == "..") return true;
  return false;
}

}  // namespace

std::string_view root_of(std::string_view file, const std::vector<std::string>& roots) {
  std::string_view best;
  for (const std::string_view root : roots)
    if (file.size() > root.size() + 1 && file.starts_with(root) && file[root.size()] == '/' &&
        root.size() > best.size())
      best = root;
  return best;
}

std::string plain_path(std::string_view file) {
  return std::filesystem::path(file).lexically_normal().string();
}

std::string why_not_sent(std::string_view file, const std::vector<std::string>& roots) {
  const auto quoted = text::escape(file, 200);
  if (!file.starts_with('/'))
    return fmt::format("its X-Sendfile is no absolute path: \"{}\"", quoted);
  if (has_parent_segment(file)) return fmt::format("its X-Sendfile holds \"..\": \"{}\"", quoted);
  if (root_of(plain_path(file), roots).empty())
    return fmt::format("its X-Sendfile is below none of sendfile_roots: \"{}\"", quoted);
  return {};
}

}  // namespace cgisrv::cgi
