// A process that serves beside the workers: the master forks it, and replaces it when it has died
// or its loop no longer turns.
#pragma once

#include <cgisrv/parent_only.h>
#include <cgisrv/pool.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string_view>

#include "base/shared.h"
#include "event/heartbeat.h"
#include "process/privileges.h"

namespace cgisrv::master {

class HelperProcess {
 public:
  struct Role {
    std::string_view name;       // "the admin process", for the log
    const char* process_name;    // "cgisrv-admin": prctl(2), PR_SET_NAME
    std::string_view meanwhile;  // what its death means until the next one is ready
    // In its process, before everything that is ParentOnly is closed: keeps what it needs.
    std::function<void()> keep;
    // In its process, with the master's rights.
    std::function<void()> prepare = [] {};
    // In its process, with a worker's rights; returns the exit code. It must end when the other end
    // of the pipe `lifeline` is closed. A Heartbeat with the `timeout` below increments `beats`.
    std::function<int(Fd lifeline, Beats& beats)> run;
    // In the master: the process has died.
    std::function<void()> died = [] {};
    // A process without a beat for this long is killed and replaced.
    std::chrono::milliseconds timeout{10'000};
  };

  // `privileges` outlive it.
  HelperProcess(pool::Master& master, const process::Privileges& privileges, Role role);
  ~HelperProcess() { end(); }

  void start();
  // 0: none runs just now.
  pid_t pid() const { return pid_; }
  // Lets it end, then kills it after a moment. It is not replaced.
  void end();
  // Lets it end in its own time, under the caller's watch: its pidfd, if one runs.
  Fd let_go();

 private:
  [[noreturn]] void become(Fd lifeline);
  void ended();
  void listen();

  pool::Master& master_;
  const process::Privileges& privileges_;
  const Role role_;
  ParentOnly<Fd> lifeline_;  // closing it ends the process
  ParentOnly<Fd> process_;   // its pidfd
  // Children of the master may briefly have the pidfd open. Closing it then would not remove it
  // from epoll (epoll(7), question 6), and an ended process is readable for ever.
  Watch end_;
  pid_t pid_ = 0;
  Timer again_;
  Shared<Beats> beats_;
  Timer listening_;  // armed while it runs
  std::uint32_t beats_heard_ = 0;
  unsigned beats_missed_ = 0;
};

}  // namespace cgisrv::master
