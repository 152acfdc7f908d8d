// A child process: its pidfd, its end, its group. See pidfd_open(2), waitid(2).
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "process/cgroup.h"
#include "process/pid_table.h"

namespace cgisrv::process {

struct Exit {
  bool signalled = false;
  int code = 0;  // the signal's number, or the exit status
  rusage usage{};

  bool success() const { return !signalled && code == 0; }
  // From getrusage(2); includes the program's children that it waited for.
  std::chrono::microseconds user_time() const;
  std::chrono::microseconds system_time() const;
  std::chrono::microseconds processor_time() const { return user_time() + system_time(); }
  // "exit status 3", "killed by signal 11 (SIGSEGV)"
  std::string text() const;
};

// `status`: that of wait4(2).
Exit exit_of(int status, const rusage& usage);

// Resources that a process holds while it lives.
class ExitHook {
 public:
  virtual ~ExitHook() = default;
  // The process has been reaped; the last call.
  virtual void on_exit(const Exit&) {}
};

// The end of a process that another process reaps and reports.
class ExitNotice {
 public:
  // `event`: an eventfd(2) at 0; it becomes readable when the end is reported.
  explicit ExitNotice(Fd event) : event_(std::move(event)) {}
  // Its pidfd, set before a Child has this.
  void is_of(Fd process) { process_ = std::move(process); }
  // Another event from now on, set before a Child has this.
  void tell_by(Fd event) { event_ = std::move(event); }
  int pidfd() const { return process_.get(); }
  void tell(const Exit& exit);

 private:
  friend class Child;
  Fd event_;
  Fd process_;
  std::optional<Exit> exit_;
};

// Move-only. Knows its process until it is reaped. After that it sends no signal, as the pid may
// belong to another process.
class Child {
 public:
  Child() = default;
  // A child of ours that nobody else reaps.
  Child(pid_t pid, PidSlotOwner pid_slot) : pid_(pid), pid_slot_(std::move(pid_slot)) {}
  // A process that is not ours to reap: `report` tells its end.
  Child(pid_t pid, std::shared_ptr<ExitNotice> report) : pid_(pid), report_(std::move(report)) {}
  Child(Child&& other) noexcept { *this = std::move(other); }
  Child& operator=(Child&& other) noexcept;

  explicit operator bool() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  // Readable once it has ended; closed when reaped. Opened on first use, since most programs end
  // too soon to need it; -1: no descriptor is left.
  int exit_fd();

  // Gives it a slot, if it was started without one, so that its worker's death ends it.
  void enlist(PidSlotOwner pid_slot);

  // Kept until it is reaped.
  void set_exit_hook(std::unique_ptr<ExitHook> hook) { exit_hook_ = std::move(hook); }

  // The cgroup of the process and all that it starts.
  void confine(Cgroup cgroup) { cgroup_ = std::move(cgroup); }
  // SIGKILL to all in its cgroup, even after it has been reaped. No effect if it is not confined.
  void kill_confined() const { cgroup_.kill(); }

  // Reaps it if it has ended. At most one call returns a value.
  std::optional<Exit> try_wait();

  // To the process and the group it leads. No effect once reaped.
  void signal_group(int signal) const;

 private:
  std::optional<Exit> ask() const;

  pid_t pid_ = 0;
  Fd pidfd_;                            // opened on first use
  std::shared_ptr<ExitNotice> report_;  // used instead of the pidfd
  PidSlotOwner pid_slot_;
  std::unique_ptr<ExitHook> exit_hook_;
  Cgroup cgroup_;
};

// pidfd_open(2). Unlike its number, the descriptor never stands for another process. Empty, with
// errno set: there is no such process, or no descriptor is left.
Fd open_pidfd(pid_t pid);
// Of a child that has just begun, so that nobody has reaped it. If there is none, it is killed.
Fd hold(pid_t child);
void send_signal(int pidfd, int signal);
// Of a child, which somebody else may have reaped.
void kill_and_reap(int pidfd);
// Whether it has ended, or does within that time.
bool ends_within(int pidfd, int timeout_ms);

// Signals a process and the group that it leads by its pidfd, so that no other process is hit even
// if it has been reaped. Where the kernel cannot do that (before Linux 6.9), the group is signalled
// by number; its leader was not yet reaped a moment before. `pid`: that of the pidfd.
void signal_group(pid_t pid, int pidfd, int signal);

// For a group whose leader has been reaped: whether any member is left.
bool group_exists(pid_t group);

}  // namespace cgisrv::process
