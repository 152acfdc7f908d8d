// Messages of a service to its service manager: the protocol of sd_notify(3).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::process {

class SdNotify {
 public:
  // No service manager: messages are dropped.
  SdNotify() = default;
  // The one of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Removes these from the environment:
  // only this process may speak for the service.
  static SdNotify take();

  bool present() const { return !address_.empty(); }
  // The longest interval between calls of alive(); 0: not needed.
  std::chrono::microseconds watchdog() const { return watchdog_; }

  // Each sends one datagram, without waiting. False when it did not reach the manager; the log has
  // the reason. `status` is for people: "systemctl status" shows it.
  bool ready(std::string_view status) const;
  // The configuration is being read again; ready() must follow, whatever the result.
  bool reloading(std::string_view status) const;
  // `within`: how long the end may take, so that the manager has that much patience; 0: as it is
  // configured there.
  bool stopping(std::string_view status, std::chrono::microseconds within) const;
  bool status(std::string_view text) const;
  bool alive() const;
  // Another process is the service from now on; it must get variables().
  bool main_pid(pid_t pid) const;

  // "NAME=value", for a process that replaces us.
  std::vector<std::string> variables() const;

 private:
  bool send(std::string_view message) const;

  std::string address_;  // a path, or '@' and a name in the abstract space
  std::chrono::microseconds watchdog_{0};
};

}  // namespace cgisrv::process
