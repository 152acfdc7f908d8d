#include "master/pid_file.h"

#include <unistd.h>

#include <cerrno>

#include "base/regular_file.h"

namespace cgisrv::master {

namespace {

std::string text_of_ours() {
  return fmt::format("{}\n", ::getpid());
}

}  // namespace

Result<void> write_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const auto fault = [&](const Error& error) {
    return fail_as(error.code, "writing the pid file {} (pid_file in [server]): {}", path,
                   error.what);
  };
  const auto file = open_regular(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  if (!file) return fault(file.error());
  const std::string text = text_of_ours();
  if (::write(file->get(), text.data(), text.size()) < 0) return fault({errno, errno_text(errno)});
  return {};
}

void remove_pid_file(const std::string& path) {
  const std::string ours = text_of_ours();
  if (!path.empty() && read_regular(path, ours.size()) == ours) ::unlink(path.c_str());
}

}  // namespace cgisrv::master
