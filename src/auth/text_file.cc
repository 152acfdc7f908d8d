#include "auth/text_file.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/regular_file.h"
#include "base/text.h"

namespace cgisrv::auth {

namespace {

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileState state_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {.error = errno};
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .bytes = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = nanoseconds(status.st_mtim),
          .changed_ns = nanoseconds(status.st_ctim)};
}

Result<std::string> read_text_file(const std::string& path) {
  auto text = read_regular(path, file_bytes_max);
  if (!text) return fail_as(text.error().code, "cannot read {}: {}", path, text.error().what);
  return text;
}

std::string fault_text(const std::string& path, const FileFault& fault) {
  if (fault.line == 0) return fmt::format("{}: {}", path, fault.what);
  return fmt::format("{}:{}: {}", path, fault.line, fault.what);
}

void for_each_line(std::string_view text,
                   const std::function<void(unsigned number, std::string_view line)>& take) {
  for (unsigned number = 1; !text.empty(); ++number) {
    std::string_view line = text::take_until(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!text::trim(line).empty() && !line.starts_with('#')) take(number, line);
  }
}

}  // namespace cgisrv::auth
