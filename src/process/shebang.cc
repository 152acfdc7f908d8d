#include "process/shebang.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace cgisrv::process {

Shebang read_shebang(std::string_view bytes) {
  constexpr std::size_t line_bytes_max = 256;
  if (!bytes.starts_with("#!")) return {};
  auto line = bytes.substr(0, line_bytes_max);
  line = line.substr(2, line.find('\n') - 2);
  Shebang shebang;
  shebang.windows_line_end = line.ends_with('\r');
  if (shebang.windows_line_end) line.remove_suffix(1);
  line = text::trim(line);
  const auto end = std::min(line.find_first_of(" \t"), line.size());
  shebang.program = line.substr(0, end);
  shebang.argument = text::trim(line.substr(end));
  return shebang;
}

std::string file_head(const std::string& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return fd ? file_head(fd.get()) : std::string();
}

std::string file_head(int descriptor) {
  std::string bytes(4096, '\0');
  const ssize_t size = ::read(descriptor, bytes.data(), bytes.size());
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return bytes;
}

std::vector<std::string> usual_names(std::string_view name) {
  if (name.empty()) return {};
  std::vector<std::string> names = {std::string(name), std::string(name) + "3"};
  const auto without_minor = name.substr(0, name.rfind('.'));
  const auto without_version = name.substr(0, name.find_last_not_of("0123456789.") + 1);
  for (const std::string_view shorter : {without_minor, without_version})
    if (!shorter.empty() && shorter.size() < name.size()) names.emplace_back(shorter);
  return names;
}

std::string find_program(std::string_view path) {
  for (const std::string& name : usual_names(path.substr(path.rfind('/') + 1)))
    if (auto file = find_in_path(name, default_path); !file.empty()) return file;
  return {};
}

std::string find_in_path(std::string_view name, std::string_view path) {
  if (name.find('/') != name.npos) return name.starts_with('/') ? std::string(name) : "";
  while (!name.empty() && !path.empty()) {
    const auto folder = text::take_until(path, ':');
    if (!folder.starts_with('/')) return {};
    auto file = std::string(folder).append("/").append(name);
    struct stat status {};
    if (::access(file.c_str(), X_OK) == 0 && ::stat(file.c_str(), &status) == 0 &&
        S_ISREG(status.st_mode))
      return file;
  }
  return {};
}

}  // namespace cgisrv::process
