#include "cgi/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cstdlib>

namespace cgisrv::cgi {

Result<void> Spool::append(std::string_view bytes) {
  if (!file_)
    if (auto opened = open_memory(); !opened) return opened;
  if (!on_disk_ && size_ + bytes.size() > memory_max_)
    if (auto moved = move_to_disk(); !moved) return moved;
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written <= 0) return fail_errno(errno, "spooling a request body");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<Fd> Spool::take() {
  if (!file_)
    if (auto opened = open_memory(); !opened) return std::unexpected(opened.error());
  if (::lseek(file_.get(), 0, SEEK_SET) != 0)
    return fail_errno(errno, "rewinding a spooled request body");
  size_ = 0;
  on_disk_ = false;
  return std::move(file_);
}

Result<void> Spool::open_memory() {
  file_.reset(::memfd_create("request body", MFD_CLOEXEC));
  if (!file_) return fail_errno(errno, "making room for a request body");
  return {};
}

Result<void> Spool::move_to_disk() {
  const char* const configured = std::getenv("TMPDIR");
  const char* const folder = configured != nullptr ? configured : "/tmp";
  Fd disk(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!disk) return fail_errno(errno, "opening a temporary file in {}", folder);
  off_t position = 0;
  while (static_cast<std::uint64_t>(position) < size_)
    if (::sendfile(disk.get(), file_.get(), &position, size_) <= 0)
      return fail_errno(errno, "moving a request body to {}", folder);
  file_ = std::move(disk);
  on_disk_ = true;
  return {};
}

}  // namespace cgisrv::cgi
