#include "process/sd_notify.h"

#include <cgisrv/fd.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "base/variable.h"

namespace cgisrv::process {

namespace {

bool is_address(std::string_view text) {
  return text.size() >= 2 && text.size() < sizeof sockaddr_un{}.sun_path &&
         (text.front() == '/' || text.front() == '@');
}

// A line end would begin another assignment.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line)
    if (c == '\n') c = ' ';
  return line;
}

}  // namespace

SdNotify SdNotify::take() {
  SdNotify sd_notify;
  sd_notify.address_ = take_variable("NOTIFY_SOCKET");
  const auto period = take_variable("WATCHDOG_USEC");
  const auto process = take_variable("WATCHDOG_PID");
  if (!sd_notify.address_.empty() && !is_address(sd_notify.address_)) {
    log::line(log::Level::warn, "NOTIFY_SOCKET={}: neither a path nor an abstract name; ignored",
              sd_notify.address_);
    sd_notify.address_.clear();
  }
  const bool is_ours = process.empty() || process == std::to_string(::getpid());
  if (sd_notify.present() && is_ours)
    sd_notify.watchdog_ =
        std::chrono::microseconds(text::parse_number<std::uint64_t>(period).value_or(0));
  return sd_notify;
}

bool SdNotify::ready(std::string_view status) const {
  return send(fmt::format("READY=1\nSTATUS={}", one_line(status)));
}

bool SdNotify::reloading(std::string_view status) const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();  // CLOCK_MONOTONIC
  return send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS={}",
                          std::chrono::duration_cast<std::chrono::microseconds>(now).count(),
                          one_line(status)));
}

bool SdNotify::stopping(std::string_view status, std::chrono::microseconds within) const {
  const std::string extension =
      within.count() > 0 ? fmt::format("EXTEND_TIMEOUT_USEC={}\n", within.count()) : std::string();
  return send(fmt::format("STOPPING=1\n{}STATUS={}", extension, one_line(status)));
}

bool SdNotify::status(std::string_view text) const {
  return send("STATUS=" + one_line(text));
}

bool SdNotify::alive() const {
  return send("WATCHDOG=1");
}

bool SdNotify::main_pid(pid_t pid) const {
  return send(fmt::format("MAINPID={}", pid));
}

std::vector<std::string> SdNotify::variables() const {
  std::vector<std::string> found;
  if (present()) found.push_back("NOTIFY_SOCKET=" + address_);
  if (watchdog_.count() > 0) found.push_back(fmt::format("WATCHDOG_USEC={}", watchdog_.count()));
  return found;
}

// A socket for each message: by now another manager may have that address, and no child of ours
// inherits the socket.
bool SdNotify::send(std::string_view message) const {
  if (!present()) return true;
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  if (address_.front() == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  if (socket && ::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL,
                         reinterpret_cast<const sockaddr*>(&address), size) >= 0)
    return true;
  const int error = errno;
  log::line(log::Level::warn, "the service manager at {} was not told \"{}\": {}", address_,
            one_line(message), errno_text(error));
  return false;
}

}  // namespace cgisrv::process
