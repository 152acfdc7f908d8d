#include "master/pid_file.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace cgisrv::master {

Result<void> write_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  const std::string text = fmt::format("{}\n", ::getpid());
  if (!file || ::write(file.get(), text.data(), text.size()) < 0)
    return fail_errno(errno, "writing the pid file {} (pid_file in [server])", path);
  return {};
}

void remove_pid_file(const std::string& path) {
  if (path.empty()) return;
  pid_t pid = 0;
  std::ifstream(path) >> pid;
  if (pid == ::getpid()) ::unlink(path.c_str());
}

}  // namespace cgisrv::master
