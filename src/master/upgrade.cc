#include "master/upgrade.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/packet.h"
#include "base/text.h"
#include "base/variable.h"
#include "net/listener.h"
#include "net/socket_activation.h"
#include "process/child.h"
#include "process/shebang.h"
#include "process/spawn.h"

namespace cgisrv::master {

namespace {

// Lines: a descriptor, then an address or nothing; or "presence", and which. Of a line that it does
// not know, another version takes no notice.
constexpr auto variable = "CGISRV_INHERITED";
constexpr std::string_view presence_word = "presence";
constexpr std::string_view serves = "serves";
constexpr int sd_notify_timeout_ms = 1000;

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto found = std::filesystem::absolute(path, error);
  return error ? path : found.string();
}

// Of a program that was named without a slash: the file that a shell has executed.
std::string found_in_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  auto file = process::find_in_path(name, path != nullptr ? path : process::default_path);
  std::error_code error;  // a folder in PATH may depend on the working directory
  return file.empty() ? std::filesystem::read_symlink("/proc/self/exe", error).string() : file;
}

// An inherited descriptor, if it is a socket.
Fd take_socket(std::string_view number) {
  const int fd = text::parse_number<int>(number).value_or(-1);
  int type = 0;
  socklen_t size = sizeof type;
  if (fd < 3 || ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return Fd();
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return Fd(fd);
}

std::string describe(const Upgrade::Listeners& listeners, int socket,
                     telemetry::Presence presence) {
  std::string text = fmt::format("{}=\n{}={}", socket, presence_word, telemetry::text(presence));
  for (const auto& [address, fd] : listeners)
    text += fmt::format("\n{}={}", fd, address);
  return text;
}

// The work between fork and exec. Everything is allocated before: another process may hold a lock
// of the library.
[[noreturn]] void become(const char* binary, char* const* arguments, char* const* environment,
                         const Upgrade::Listeners& listeners, int socket,
                         const rlimit& descriptors) {
  ::fcntl(socket, F_SETFD, 0);
  for (const auto& [address, fd] : listeners)
    ::fcntl(fd, F_SETFD, 0);
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(binary, arguments, environment);
  ::_exit(127);
}

}  // namespace

Invocation Invocation::of(char** argv) {
  Invocation invocation;
  for (char** each = argv; *each != nullptr; ++each)
    invocation.arguments.emplace_back(*each);
  const std::string& name = invocation.arguments.front();
  invocation.binary = name.find('/') != std::string::npos ? absolute(name) : found_in_path(name);
  return invocation;
}

// ---- the new server ----------------------------------------------------------------------------

Inheritance Inheritance::take() {
  Inheritance inheritance;
  const std::string lines = take_variable(variable);
  for (std::string_view rest = lines; !rest.empty();) {
    std::string_view address = text::take_until(rest, '\n');
    const auto first = text::take_until(address, '=');
    if (first == presence_word && address == telemetry::text(telemetry::Presence::drained))
      inheritance.presence_ = telemetry::Presence::drained;
    if (first == presence_word && address == telemetry::text(telemetry::Presence::maintenance))
      inheritance.presence_ = telemetry::Presence::maintenance;
    Fd socket = take_socket(first);
    if (!socket) continue;
    if (address.empty()) {
      inheritance.predecessor_ = std::move(socket);
    } else {
      inheritance.listeners_->emplace(address, std::move(socket));
    }
  }
  return inheritance;
}

std::vector<Fd> Inheritance::take_listeners(const std::string& address) {
  std::vector<Fd> sockets;
  const bool all = address.find(net::activation_prefix) != std::string::npos;
  for (auto each = listeners_->find(address);
       each != listeners_->end() && each->first == address && (all || sockets.empty());
       each = listeners_->erase(each))
    sockets.push_back(std::move(each->second));
  return sockets;
}

void Inheritance::tell_that_we_serve() {
  // Addresses that are no longer configured: nobody else removes their files.
  for (const auto& [address, socket] : *listeners_)
    if (address.find(net::activation_prefix) == std::string::npos)
      net::unlink_socket(net::local_address(socket.get()));
  listeners_->clear();
  if (!*predecessor_) return;
  ::send(predecessor_->get(), serves.data(), serves.size(), MSG_NOSIGNAL);
  pollfd line{predecessor_->get(), POLLIN, 0};
  ::poll(&line, 1, sd_notify_timeout_ms);
  predecessor_->reset();
}

// ---- the old server ----------------------------------------------------------------------------

Result<std::unique_ptr<Upgrade>> Upgrade::begin(Loop& loop, const Invocation& invocation,
                                                const Listeners& listeners,
                                                const Surroundings& surroundings, Done done) {
  if (::access(invocation.binary.c_str(), X_OK) != 0)
    return fail_errno(errno, "starting {}",
                      invocation.binary.empty() ? invocation.arguments.front() : invocation.binary);
  auto ends = open_pair();
  if (!ends) return fail_errno(errno, "making a socket for the new server");
  auto& [mine, theirs] = *ends;
  std::vector<std::string> arguments = invocation.arguments;
  std::vector<std::string> environment = surroundings.variables;
  environment.push_back(
      fmt::format("{}={}", variable, describe(listeners, theirs.get(), surroundings.presence)));
  for (char** each = ::environ; *each != nullptr; ++each)
    environment.emplace_back(*each);
  const auto argument_pointers = process::pointers(arguments);
  const auto environment_pointers = process::pointers(environment);
  const pid_t pid = ::fork();
  if (pid == 0)
    become(invocation.binary.c_str(), argument_pointers.data(), environment_pointers.data(),
           listeners, theirs.get(), surroundings.descriptors);
  if (pid < 0) return fail_errno(errno, "starting {}", invocation.binary);
  Fd held = process::hold(pid);
  if (!held) return fail_errno(errno, "no hold of the new server");
  return std::unique_ptr<Upgrade>(
      new Upgrade(loop, std::move(mine), pid, std::move(held), std::move(done)));
}

Upgrade::Upgrade(Loop& loop, Fd socket, pid_t pid, Fd process, Done done)
    : pid_(pid),
      process_(std::move(process)),
      done_(std::move(done)),
      socket_(WatchedFd(loop, std::move(socket), EPOLLIN,
                        WatchCallback::of<&Upgrade::on_packet>(*this))),
      overdue_(loop, Callback::of<&Upgrade::overdue>(*this)) {
  overdue_.arm_after(timeout);
}

void Upgrade::on_packet() {
  std::array<char, 16> said{};
  const ssize_t size = ::recv(socket_->get(), said.data(), said.size(), MSG_DONTWAIT);
  if (size < 0) return;
  overdue_.disarm();
  const bool is_ready = std::string_view(said.data(), static_cast<std::size_t>(size)) == serves;
  const auto done = done_;  // it may destroy us
  done(is_ready
           ? std::string()
           : "the new server has ended; its messages are on the standard error of this one, and "
             "cgisrv check may say the same");
}

void Upgrade::overdue() {
  give_up(fmt::format("the new server was not ready after {} s, and was killed", timeout.count()));
}

void Upgrade::give_up(const std::string& why) {
  process::send_signal(process_.get(), SIGKILL);
  socket_->reset();
  overdue_.disarm();
  const auto done = done_;  // it may destroy us
  done(std::string(why));
}

}  // namespace cgisrv::master
