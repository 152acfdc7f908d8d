// What a service says to the service manager that started it: the protocol of sd_notify(3).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::process {

class ServiceManager {
 public:
  // There is none: whatever is said goes nowhere.
  ServiceManager() = default;
  // That of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are taken out of the environment:
  // only this process is to speak for the service.
  static ServiceManager take();

  bool present() const { return !address_.empty(); }
  // How often alive() is to be said at least; 0: need not be.
  std::chrono::microseconds watchdog() const { return watchdog_; }

  // Each sends one datagram, without waiting; false when it did not reach the manager, with the
  // reason in the log. `status` is for people: "systemctl status" shows it.
  bool ready(std::string_view status) const;
  // The configuration is being read again; ready() is to follow, whatever comes of it.
  bool reloading(std::string_view status) const;
  bool stopping(std::string_view status) const;
  bool status(std::string_view text) const;
  bool alive() const;
  // Another process is the service from now on; it is to have variables().
  bool main_pid(pid_t pid) const;

  // "NAME=value", for a process that takes our place.
  std::vector<std::string> variables() const;

 private:
  bool send(std::string_view message) const;

  std::string address_;  // a path, or '@' and a name in the abstract space
  std::chrono::microseconds watchdog_{0};
};

}  // namespace cgisrv::process
