// A child process: its pidfd, its end, its group. See pidfd_open(2), waitid(2).
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "process/cgroup.h"
#include "process/roster.h"

namespace cgisrv::process {

struct Exit {
  bool signalled = false;
  int code = 0;  // the signal's number, or the exit status
  rusage usage{};

  bool success() const { return !signalled && code == 0; }
  // "exit status 3", "killed by signal 11 (SIGSEGV)"
  std::string text() const;
};

// What a process has as long as it lives.
class Holding {
 public:
  virtual ~Holding() = default;
  // It has been reaped; the last call.
  virtual void ended(const Exit&) {}
};

// The end of a process that somebody else reaps, as that one tells it.
class Report {
 public:
  // `event`: an eventfd(2) that reads nothing now; it becomes readable when the end is told.
  explicit Report(Fd event) : event_(std::move(event)) {}
  // By its pidfd, before a Child has this.
  void is_of(Fd process) { process_ = std::move(process); }
  int pidfd() const { return process_.get(); }
  void tell(const Exit& exit);

 private:
  friend class Child;
  Fd event_;
  Fd process_;
  std::optional<Exit> exit_;
};

// Move-only. Knows its process until it is reaped; from then on nothing can be sent to a pid that
// may be somebody else's.
class Child {
 public:
  Child() = default;
  // One of ours, that nobody else reaps.
  Child(pid_t pid, RosterPlace place) : pid_(pid), place_(std::move(place)) {}
  // One that is not ours to reap: its end is told by `report`.
  Child(pid_t pid, std::shared_ptr<Report> report) : pid_(pid), report_(std::move(report)) {}
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;

  explicit operator bool() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  // Readable once it has ended; closed when reaped. Opened when it is first asked for, since most
  // programs end too soon to be waited for with it; -1: the kernel has no descriptor for us.
  int pidfd();

  // For one that was not started with a place: so that its worker's death ends it.
  void enlist(RosterPlace place);

  // Kept until it is reaped.
  void hold(std::unique_ptr<Holding> holding) { holding_ = std::move(holding); }

  // What it and all that it starts are in.
  void confine(Cgroup cgroup) { cgroup_ = std::move(cgroup); }
  // All of them, also once it has been reaped. Nothing where it is not confined.
  void kill_confined() const { cgroup_.kill(); }

  // Reaps it if it has ended. At most one call returns a value.
  std::optional<Exit> try_wait();

  // To the process and the group it leads. Does nothing once reaped.
  void signal_group(int signal) const;

 private:
  std::optional<Exit> ask() const;

  pid_t pid_ = 0;
  Fd pidfd_;                        // none until it is asked for
  std::shared_ptr<Report> report_;  // in place of the pidfd
  RosterPlace place_;
  std::unique_ptr<Holding> holding_;
  Cgroup cgroup_;
};

// To a process and the group that it leads, by its pidfd: to nobody else, though it has been reaped
// by now. Where the kernel cannot do that (before Linux 6.9), the group has it by the number of a
// leader that was not yet reaped a moment before. `pid`: as the pidfd has it.
void signal_group(pid_t pid, int pidfd, int signal);

// For a group whose leader has been reaped: whether anybody is left in it.
bool group_exists(pid_t group);

}  // namespace cgisrv::process
