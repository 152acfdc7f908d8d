#include "files/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

namespace cgisrv::files {

Result<std::vector<ListingEntry>> list_directory(const Tree& tree, const std::string& directory,
                                                 bool& more) {
  const auto close = [](DIR* open) { ::closedir(open); };
  auto file = tree.open(directory, O_RDONLY | O_DIRECTORY);
  if (!file) return fail_errno(file.error().code, "cannot list {}", directory);
  const std::unique_ptr<DIR, decltype(close)> open(::fdopendir(file->get()));
  if (!open) return fail_errno(errno, "cannot list {}", directory);
  const int folder = file->release();  // the stream's, which closes it
  const int flags = tree.links == Links::follow ? 0 : AT_SYMLINK_NOFOLLOW;

  const std::string prefix = directory.ends_with('/') ? directory : directory + '/';

  std::vector<ListingEntry> entries;
  more = false;
  while (const dirent* item = ::readdir(open.get())) {
    struct stat status {};
    if (item->d_name[0] == '.') continue;
    if (::fstatat(folder, item->d_name, &status, flags) != 0) continue;
    // Reveals no name, size or time of a forbidden link's target.
    if (S_ISLNK(status.st_mode) && tree.examine(prefix + item->d_name, status) != 0) continue;
    const bool is_directory = S_ISDIR(status.st_mode);
    if (!is_directory && !S_ISREG(status.st_mode)) continue;
    if (entries.size() == entries_max) {
      more = true;
      break;
    }
    entries.push_back({.name = item->d_name,
                       .directory = is_directory,
                       .executable = !is_directory && (status.st_mode & 0111) != 0,
                       .bytes = static_cast<std::uint64_t>(status.st_size),
                       .modified = status.st_mtime});
  }
  return entries;
}

}  // namespace cgisrv::files
