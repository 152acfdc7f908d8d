#include "auth/hasher.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "auth/wire.h"
#include "base/packet.h"

namespace cgisrv::auth {

namespace {

constexpr int niceness = 5;  // workers and programs come first

// It has a copy of all descriptors of the checker, and may not keep one: a worker's socket that
// stayed open here would not tell the worker that the checker has died.
void keep_only(int socket) {
  constexpr int own = 3;
  if (socket != own) ::dup2(socket, own);
  if (::close_range(own + 1, ~0U, 0) != 0)
    for (int fd = own + 1; fd < 65536; ++fd)
      ::close(fd);
}

[[noreturn]] void hash_until_told(pid_t parent, int socket) {
  ::prctl(PR_SET_NAME, "cgisrv-hasher");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  keep_only(socket);
  ::setpriority(PRIO_PROCESS, 0, niceness);
  std::array<char, job_bytes_max> room{};
  while (true) {
    const ssize_t size = ::recv(3, room.data(), room.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) ::_exit(0);
    const auto job = unpack_job({room.data(), static_cast<std::size_t>(size)});
    Fit fit = Fit::failed;
    if (job) fit = check_password(Secret(job->password), std::string(job->hash));
    ::explicit_bzero(room.data(), room.size());
    if (!send(3, fit)) ::_exit(0);
  }
}

}  // namespace

bool Hasher::start() {
  auto ends = open_pair();
  if (!ends) return false;
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) hash_until_told(parent, ends->second.get());
  if (pid < 0) return false;
  pid_ = pid;
  socket_ = std::move(ends->first);
  return true;
}

bool Hasher::ask(std::string_view hash, const Secret& password) const {
  return send(socket_.get(), HashJob{hash, password.view()});
}

std::optional<Fit> Hasher::answer() const {
  std::array<char, 8> room{};
  const auto packet = receive_packet(socket_.get(), room);
  return packet ? unpack_fit(*packet) : std::nullopt;
}

void Hasher::wake() const {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

// Nobody else reaps it, so that the pid is still its own.
pid_t Hasher::kill() {
  socket_.reset();
  if (pid_ > 0) ::kill(pid_, SIGKILL);
  return std::exchange(pid_, 0);
}

}  // namespace cgisrv::auth
