// From one server process to the next: the old one starts the new binary, which inherits the
// listeners, and ends only when that serves.
//
//   old  --starts, with the listeners-->  new
//        <-------- "it serves" ---------
//        -- its end of the line closed -->  it has told the service manager of the new one
//        <-- or its end, or nothing for too long: the old one goes on as before
//
// Each notices the other's end by the socketpair between them.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "telemetry/presence.h"

namespace cgisrv::master {

// How this server was started. Its successor is started in the same way.
struct Invocation {
  // Called by main(). Looks up a program named without a slash in PATH, and makes the path
  // absolute, so that the upgrade follows a link that then leads to a newer version.
  static Invocation of(char** argv);

  std::string binary;
  std::vector<std::string> arguments;  // including argv[0]
};

// The new server's side.
class Inheritance {
 public:
  // What an older server has left us, by the environment, which is cleared. Empty: we are the
  // first.
  static Inheritance take();

  // The listening sockets of that configured address; none: it must be opened.
  std::vector<Fd> take_listeners(const std::string& address);
  bool is_successor() const { return static_cast<bool>(*predecessor_); }
  // Whether it was drained.
  telemetry::Presence presence() const { return presence_; }
  // We serve: the older server may end. Returns when it has told the service manager who the
  // service is now (the manager only listens to the old one), or after a second.
  void tell_that_we_serve();

 private:
  ParentOnly<Fd> predecessor_;
  ParentOnly<std::multimap<std::string, Fd>> listeners_;
  telemetry::Presence presence_ = telemetry::Presence::here;
};

// The old server's side; exists while a new one is being started.
class Upgrade {
 public:
  static constexpr std::chrono::seconds timeout{60};

  // `done` is called with an empty text when the new server serves, or with the reason why not. It
  // may destroy this. `listeners`: the configured address of each, and its socket.
  using Done = std::function<void(const std::string& problem)>;
  using Listeners = std::vector<std::pair<std::string, int>>;
  // As they were when we were started, but for the last.
  struct Surroundings {
    rlimit descriptors;
    std::vector<std::string> variables;  // "NAME=value": those that we have taken out
    telemetry::Presence presence = telemetry::Presence::here;  // now
  };
  static Result<std::unique_ptr<Upgrade>> begin(Loop& loop, const Invocation& invocation,
                                                const Listeners& listeners,
                                                const Surroundings& surroundings, Done done);

  pid_t pid() const { return pid_; }
  // Ends the new server, and calls `done` with the reason.
  void give_up(const std::string& why);

 private:
  Upgrade(Loop& loop, Fd socket, pid_t pid, Fd process, Done done);
  void on_packet();
  void overdue();

  const pid_t pid_;
  const Fd process_;  // its pidfd: it may be reaped while others hold its socket
  const Done done_;
  ParentOnly<WatchedFd> socket_;
  Timer overdue_;
};

}  // namespace cgisrv::master
