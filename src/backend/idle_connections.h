// Connections to FastCGI servers that a worker keeps open for the next request.
//
// php-fpm serves nobody else by the process at the other end of such a connection. So they are few,
// idle for a short time only, and never old: whoever waits for a process of php-fpm, another worker
// or another web server, gets one.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>

#include <chrono>
#include <list>
#include <map>
#include <string>

namespace cgisrv::backend {

// A connected socket, and since when.
struct Connected {
  Fd socket;
  TimePoint since{};
};

class IdleConnections {
 public:
  static constexpr std::chrono::seconds idle_max{5};
  static constexpr std::chrono::seconds age_max{30};

  explicit IdleConnections(Loop& loop)
      : loop_(loop), timer_(loop, Callback::of<&IdleConnections::close_old>(*this)) {}

  // The one that was used last, if its server has not closed it. No socket: there is none.
  Connected take(const std::string& address);
  // Closes it if there are `most` already, or if it is too old.
  void keep(const std::string& address, Connected connected, unsigned most);
  void close_all();

 private:
  struct Idle {
    std::list<Idle>* list;
    std::list<Idle>::iterator self;
    WatchedFd socket;
    TimePoint since;
    TimePoint idle_since;
    void spoken();
  };

  void close_old();

  Loop& loop_;
  std::map<std::string, std::list<Idle>> by_address_;  // the last used at the back
  Timer timer_;
};

}  // namespace cgisrv::backend
