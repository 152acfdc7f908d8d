// From one server process to the next: the old one starts the new binary, which has the listeners
// by inheritance, and ends only when that serves.
//
//   old  --starts, with the listeners-->  new
//        <-------- "it serves" ---------
//        -- its end of the line closed -->  it has told the service manager of the new one
//        <-- or its end, or nothing for too long: the old one goes on as if nothing had been
//
// Both see the end of the other by the socketpair between them.
#pragma once

#include <cgisrv/loop.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cgisrv::server {

// How this server was started, which is how its successor will be.
struct Invocation {
  // By main(): a program that is named without a slash is looked for in PATH, and the path is
  // absolute, so that a link that leads to a newer version is followed then.
  static Invocation of(char** argv);

  std::string binary;
  std::vector<std::string> arguments;  // with the zeroth
};

// The new server's side.
class Inheritance {
 public:
  // What an older server has left us, from the environment, which then no longer says so; nothing
  // of it: we are the first.
  static Inheritance take();

  // The listening sockets of that address, as it is configured; none: it has to be opened.
  std::vector<Fd> take_listeners(const std::string& address);
  // In a process that is forked from the new server: lets go of what is the master's alone.
  void abandon();
  bool is_successor() const { return static_cast<bool>(predecessor_); }
  // We serve: the older server may end. Returns when it has told the service manager who the
  // service is now, which listens to nobody else, or after a second.
  void tell_that_we_serve();

 private:
  Fd predecessor_;
  std::multimap<std::string, Fd> listeners_;
};

// The old server's side; while it exists, a new one is being started.
class Upgrade {
 public:
  static constexpr std::chrono::seconds patience{60};

  // `done` is told an empty text when the new server serves, or what went wrong. It may destroy
  // this. `listeners`: the configured address of each, and its socket.
  using Done = std::function<void(const std::string& problem)>;
  using Listeners = std::vector<std::pair<std::string, int>>;
  // As we had them when we were started.
  struct Surroundings {
    rlimit descriptors;
    std::vector<std::string> variables;  // "NAME=value": those that we have taken out
  };
  static Result<std::unique_ptr<Upgrade>> begin(Loop& loop, const Invocation& invocation,
                                                const Listeners& listeners,
                                                const Surroundings& surroundings, Done done);

  pid_t pid() const { return pid_; }
  // Ends the new server, and tells `done` why.
  void give_up(const std::string& why);

 private:
  Upgrade(Loop& loop, Fd socket, pid_t pid, Done done);
  void heard(std::uint32_t);
  void overdue(std::uint32_t);

  const pid_t pid_;
  const Done done_;
  WatchedFd socket_;
  Timer overdue_;
};

}  // namespace cgisrv::server
