#include "cgi/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/write_all.h"

namespace cgisrv::cgi {

namespace {

constexpr const char* usual_folder = "/tmp";
// Containers have it also where all else is read-only.
constexpr const char* memory_folder = "/dev/shm";

const char* temporary_folder() {
  const char* const configured = std::getenv("TMPDIR");
  return configured != nullptr ? configured : usual_folder;
}

// Some file systems, such as overlayfs before Linux 6.1, have no O_TMPFILE.
Fd named_and_removed(const char* folder) {
  std::string name = fmt::format("{}/cgisrv-body-XXXXXX", folder);
  Fd file(::mkostemp(name.data(), O_CLOEXEC));
  if (file) ::unlink(name.c_str());
  return file;
}

// Nothing, and errno, if the folder can have none.
Fd open_temporary(const char* folder) {
  Fd file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return !file && errno == EOPNOTSUPP ? named_and_removed(folder) : std::move(file);
}

// Whether it is the folder's fault, and not one of space or descriptors.
bool cannot_be_written(int code) {
  return code == EROFS || code == ENOENT || code == ENOTDIR || code == EACCES || code == EPERM;
}

std::string_view remedy(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "make room there, or start the server with TMPDIR set to a folder with more";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files";
    case EFBIG:
      return "raise the server's limit of file sizes";
    default:
      return "start the server with TMPDIR set to a folder that it may write to";
  }
}

std::unexpected<Error> fail_on_disk(int code, std::string_view what, const char* folder) {
  auto failure = fail_errno(code, "{} in {}", what, folder);
  failure.error().what.append("; ").append(remedy(code));
  return failure;
}

}  // namespace

Result<void> Spool::append(std::string_view bytes) {
  const bool fits = size_ + bytes.size() <= memory_max_;
  if (!file_ && fits && shared_.take(bytes.size())) {
    taken_ += bytes.size();
    memory_.append(bytes);
  } else {
    if (!file_)
      if (auto moved = move_to_disk(); !moved) return moved;
    if (const int code = write_all(file_.get(), bytes); code != 0)
      return fail_on_disk(code, "spooling a request body", folder_);
  }
  size_ += bytes.size();
  return {};
}

Result<Fd> Spool::take() {
  if (!file_) {
    file_.reset(::memfd_create("request body", MFD_CLOEXEC));
    if (!file_) return fail_errno(errno, "making room for a request body in memory");
    if (const int code = write_all(file_.get(), memory_); code != 0)
      return fail_errno(code, "spooling a request body in memory");
    std::string().swap(memory_);
  }
  if (::lseek(file_.get(), 0, SEEK_SET) != 0)
    return fail_errno(errno, "rewinding a spooled request body");
  size_ = 0;
  return std::move(file_);
}

Result<std::string_view> Spool::front(std::span<char> scratch) const {
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(size_, scratch.size()));
  if (!file_) return std::string_view(memory_).substr(start_, most);
  const ssize_t size =
      most == 0 ? 0 : ::pread(file_.get(), scratch.data(), most, static_cast<off_t>(start_));
  if (size < 0 || (size == 0 && most > 0))
    return fail_errno(size < 0 ? errno : EIO, "reading a spooled request body in {}", folder_);
  return std::string_view(scratch.data(), static_cast<std::size_t>(size));
}

void Spool::drop(std::size_t bytes) {
  start_ += bytes;
  size_ -= bytes;
  if (size_ > 0) return;
  std::string().swap(memory_);
  file_.reset();
  shared_.give_back(std::exchange(taken_, 0));
}

Result<void> Spool::move_to_disk() {
  folder_ = temporary_folder();
  Fd disk = open_temporary(folder_);
  const int code = errno;
  if (!disk && folder_ == usual_folder && cannot_be_written(code)) {
    disk = open_temporary(memory_folder);
    if (disk) folder_ = memory_folder;
  }
  if (!disk) return fail_on_disk(code, "opening a temporary file for a request body", folder_);
  if (const int failed = write_all(disk.get(), memory_); failed != 0)
    return fail_on_disk(failed, "spooling a request body", folder_);
  file_ = std::move(disk);
  std::string().swap(memory_);
  shared_.give_back(std::exchange(taken_, 0));
  return {};
}

}  // namespace cgisrv::cgi
