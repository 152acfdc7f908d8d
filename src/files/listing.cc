#include "files/listing.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace cgisrv::files {

Result<DirectoryReader> DirectoryReader::of(Fd fd, const Tree& tree, const std::string& directory) {
  DIR* const open = ::fdopendir(fd.get());
  if (open == nullptr) return fail_errno(errno, "cannot list {}", directory);
  fd.release();  // the stream's, which closes it
  return DirectoryReader(tree, directory.ends_with('/') ? directory : directory + '/', open);
}

bool DirectoryReader::read(std::optional<ListingEntry>& entry) {
  entry.reset();
  const dirent* const item = ::readdir(open_.get());
  if (item == nullptr) return false;
  if (item->d_name[0] == '.') return true;
  struct stat status {};
  const int flags = tree_.links == Links::follow ? 0 : AT_SYMLINK_NOFOLLOW;
  if (::fstatat(::dirfd(open_.get()), item->d_name, &status, flags) != 0) return true;
  // Reveals no name, size or time of a forbidden link's target.
  if (S_ISLNK(status.st_mode) && tree_.examine(prefix_ + item->d_name, status) != 0) return true;
  const bool is_directory = S_ISDIR(status.st_mode);
  if (!is_directory && !S_ISREG(status.st_mode)) return true;
  if (entries_ == entries_max) {
    is_cut_ = true;
    return false;
  }
  ++entries_;
  entry = {.name = item->d_name,
           .directory = is_directory,
           .executable = !is_directory && (status.st_mode & 0111) != 0,
           .bytes = static_cast<std::uint64_t>(status.st_size),
           .modified = status.st_mtime};
  return true;
}

}  // namespace cgisrv::files
