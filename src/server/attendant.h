// A process that serves beside the workers: the master forks it, and another one when it has died.
#pragma once

#include <cgisrv/pool.h>
#include <sys/types.h>

#include <functional>
#include <string_view>

#include "process/privileges.h"

namespace cgisrv::server {

class Attendant {
 public:
  struct Role {
    std::string_view name;       // "the admin process", for the log
    std::string_view meanwhile;  // what its death means until the next one is ready
    // In its process, with the master's rights: lets go of what is the master's alone.
    std::function<void()> leave_master;
    // In its process, with a worker's rights; the exit code. It is to end when the other end of the
    // pipe `lifeline` is closed.
    std::function<int(Fd lifeline)> run;
    // In the master: it has died.
    std::function<void()> died = [] {};
  };

  // `privileges` outlive it.
  Attendant(pool::Master& master, const process::Privileges& privileges, Role role);
  // Ends it: it has a moment to do so itself.
  ~Attendant();
  Attendant(const Attendant&) = delete;
  Attendant& operator=(const Attendant&) = delete;

  void start();
  // 0: none runs just now.
  pid_t pid() const { return pid_; }
  // In another child of the master: lets go of what is not its own.
  void abandon();
  // It is to end in its own time; no other takes its place.
  void let_go();

 private:
  void restart(std::uint32_t) { start(); }
  [[noreturn]] void become(Fd lifeline);
  void send_signal(int signal) const;
  void tell_to_end();
  void forget_process();
  void ended(std::uint32_t);

  pool::Master& master_;
  const process::Privileges& privileges_;
  const Role role_;
  Fd lifeline_;  // closed with us: then it ends
  Fd process_;   // its pidfd
  // Children of the master may have the pidfd open for a moment: closing it would not be enough for
  // epoll to forget it (epoll(7), question 6), and a process that has ended is readable for ever.
  Watch end_;
  pid_t pid_ = 0;
  Timer again_;
};

}  // namespace cgisrv::server
