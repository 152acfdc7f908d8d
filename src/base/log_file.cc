#include "base/log_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <ctime>

#include "base/shared.h"

namespace cgisrv::log {

namespace {

// A full disk is tried again only after this time: even its error may take a while.
constexpr std::int64_t pause_ms = 100;
constexpr int mode = 0640;

struct Counters {
  std::atomic<std::uint64_t> lost;
  std::atomic<std::uint64_t> untold;
  std::atomic<int> reason;               // errno
  std::atomic<std::int64_t> told_at_ms;  // 0: never; else since the machine's start
  std::atomic<std::int64_t> paused_until_ms;
};

struct Common {
  std::array<Counters, 2> counters;
  // Files whose last line is incomplete; by identity, for several logs may be one file.
  std::array<std::atomic<std::uint64_t>, 16> torn;
};

Common& common() {
  static const Shared<Common> shared;
  return *shared;
}

Counters& counters(Kind kind) {
  return common().counters[static_cast<std::size_t>(kind)];
}

std::atomic<std::uint64_t>& torn_slot(std::uint64_t identity) {
  return common().torn[identity % common().torn.size()];
}

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * std::int64_t{1000} + now.tv_nsec / 1'000'000;
}

void count_lost(Kind kind, int reason) {
  Counters& row = counters(kind);
  row.lost.fetch_add(1, std::memory_order_relaxed);
  row.untold.fetch_add(1, std::memory_order_relaxed);
  if (reason != 0) row.reason.store(reason, std::memory_order_relaxed);
}

// Reopened for us alone, so as not to block: the original, perhaps the shell's, is unchanged.
Fd open_standard_error() {
  struct stat status {};
  const bool may_block =
      ::fstat(STDERR_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || ::isatty(STDERR_FILENO));
  Fd own;
  if (may_block)
    own.reset(::open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!own) own.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  return own;
}

// Opening it for reading as well keeps a FIFO, and its contents, while it has no reader.
Fd open_path(const char* path) {
  struct stat status {};
  const bool fifo = ::stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
  return Fd(::open(
      path, (fifo ? O_RDWR : O_WRONLY | O_CREAT) | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
      mode));
}

bool is_journals(const struct stat& status) {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  return stream != nullptr && fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

Result<Target> open_target(const std::string& path) {
  Target target{path, path == "stderr" ? open_standard_error() : open_path(path.c_str())};
  if (!target.descriptor && errno == ENOENT)
    return fail_as(ENOENT, "opening the log {}: {}; create its folder", path, errno_text(ENOENT));
  if (!target.descriptor && errno == EACCES)
    return fail_as(EACCES,
                   "opening the log {}: {}; who starts the server must be able to write to it and "
                   "its folder",
                   path, errno_text(EACCES));
  if (!target.descriptor) return fail_errno(errno, "opening the log {}", path);
  return target;
}

File::File(Kind kind, std::string path, BroadcastFd descriptor)
    : kind_(kind), path_(std::move(path)), descriptor_(std::move(descriptor)) {
  common();  // made before any fork
  look();
}

Result<File> File::make(Kind kind, Target target) {
  auto descriptor = BroadcastFd::make(std::move(target.descriptor));
  if (!descriptor) return std::unexpected(descriptor.error());
  return File(kind, std::move(target.path), std::move(*descriptor));
}

Result<void> File::use(Target target) {
  if (auto replaced = descriptor_.replace(std::move(target.descriptor)); !replaced) return replaced;
  path_ = std::move(target.path);
  counters(kind_).paused_until_ms = 0;
  look();
  return {};
}

void File::follow() {
  if (descriptor_.renew()) look();
}

void File::look() {
  struct stat status {};
  ::fstat(descriptor_.get(), &status);
  const bool waits = (::fcntl(descriptor_.get(), F_GETFL) & O_NONBLOCK) == 0 &&
                     (S_ISFIFO(status.st_mode) || ::isatty(descriptor_.get()));
  way_ = S_ISSOCK(status.st_mode) ? Way::socket : waits ? Way::may_block : Way::plain;
  journal_ = is_journals(status);
  identity_ = (static_cast<std::uint64_t>(status.st_dev) << 48U) ^ status.st_ino;
}

bool File::is_journal() {
  follow();
  return journal_;
}

bool File::write(std::string_view line) {
  const bool written = try_write(line);
  if (!written) count_lost(kind_, errno);
  return written;
}

// The next writer ends a line of which only a part was written. If room appears at that moment,
// another process may write in between; we accept that, for no process waits here.
bool File::try_write(std::string_view line) {
  follow();
  Counters& row = counters(kind_);
  errno = row.reason;
  if (now_ms() < row.paused_until_ms.load(std::memory_order_relaxed)) return false;
  std::uint64_t expected = identity_;
  const bool torn = torn_slot(identity_) == identity_ &&
                    torn_slot(identity_).compare_exchange_strong(expected, 0);
  std::string mended;
  if (torn) line = mended.append("\n").append(line);
  std::size_t done = 0;
  int fault = 0;
  while (done < line.size() && fault == 0) {
    const ssize_t size = put(line.substr(done));
    if (size > 0) done += static_cast<std::size_t>(size);
    if (size == 0) fault = EIO;
    // NOLINTNEXTLINE(clang-analyzer-unix.Errno): it is set where size is negative
    if (size < 0 && errno != EINTR) fault = errno;
  }
  if (fault == 0) return true;
  if (done != (torn ? 1 : 0)) torn_slot(identity_) = identity_;
  if (fault != EAGAIN) row.paused_until_ms = now_ms() + pause_ms;
  errno = fault;
  return false;
}

ssize_t File::put(std::string_view bytes) const {
  const int fd = descriptor_.get();
  if (way_ == Way::plain) return ::write(fd, bytes.data(), bytes.size());
  if (way_ == Way::socket)
    return ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  const ssize_t size = ::pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
  if (size >= 0 || errno != EOPNOTSUPP) return size;
  // An older kernel: with this much room it does not block, unless another process is as quick.
  pollfd room{fd, POLLOUT, 0};
  if (::poll(&room, 1, 0) == 1)
    return ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
  errno = EAGAIN;
  return -1;
}

std::uint64_t lost(Kind kind) {
  return counters(kind).lost;
}

std::uint64_t lost() {
  return lost(Kind::error) + lost(Kind::access);
}

std::optional<Losses> take_losses(Kind kind, std::chrono::milliseconds interval) {
  Counters& row = counters(kind);
  if (row.untold.load(std::memory_order_relaxed) == 0) return std::nullopt;
  const std::int64_t now = now_ms();
  std::int64_t last = row.told_at_ms;
  const bool was_told_lately = last != 0 && now - last < interval.count();
  if (was_told_lately || !row.told_at_ms.compare_exchange_strong(last, now)) return std::nullopt;
  const int reason = row.reason;
  return Losses{row.untold.exchange(0),
                reason == EAGAIN ? "nobody reads it, or not fast enough" : errno_text(reason)};
}

void put_back(Kind kind, const Losses& losses) {
  Counters& row = counters(kind);
  row.untold += losses.lines;
  row.told_at_ms = 0;
}

}  // namespace cgisrv::log
