// Control groups of programs, cgroups(7) version 2: everything that a program has ever started can
// be ended at once, even if it has left the program's process group.
//
//   OUR OWN/cgisrv-PID/workers     the workers and the zygote managers; what is above
//                                  belongs to somebody else
//   OUR OWN/cgisrv-PID/W-N         one program of the worker with pid W
//
// Needs a cgroup of our own that we may write to: as root, or delegated (systemd: Delegate=yes). A
// start costs about 0.1 ms more: the group is made and removed, and the kernel moves the child.
#pragma once

#include <cgisrv/fd.h>
#include <sys/types.h>

#include <deque>
#include <functional>
#include <string>

#include "base/result.h"

namespace cgisrv::process {

// The folder of our own version 2 group; empty: none visible.
std::string own_cgroup();

class Cgroups;

// One program's group. Empty: none, and no call has an effect.
class Cgroup {
 public:
  Cgroup() = default;
  Cgroup(Cgroups& owner, std::string name, Fd members)
      : owner_(&owner), name_(std::move(name)), members_(std::move(members)) {}
  Cgroup(Cgroup&& other) noexcept { *this = std::move(other); }
  Cgroup& operator=(Cgroup&& other) noexcept;
  ~Cgroup() { release(); }

  // A child writes "0" to it to become a member; -1: none.
  int members() const { return members_.get(); }
  // SIGKILL to all members.
  void kill() const;

 private:
  void release();

  Cgroups* owner_ = nullptr;
  std::string name_;
  Fd members_;
};

class Cgroups {
 public:
  // In the master, before its workers, which will run as `user`; empty: as ourselves.
  static Result<Cgroups> prepare(const std::string& user);

  // In a worker, before it drops the master's user.
  Result<void> enter();
  // In a worker. Fails for lack of descriptors or memory.
  Result<Cgroup> make();
  // In the master, for a program whose worker has died: SIGKILL to all in its group, if it has one.
  void kill_group_of(pid_t program) const;
  // In the master, when a worker has ended: removes its groups that are empty.
  void remove_of_the_dead() const;
  // In the master, after everything has ended.
  void remove();

 private:
  friend class Cgroup;
  explicit Cgroups(std::string folder) : folder_(std::move(folder)) {}
  void sweep();
  void remove_if(const std::function<bool(const std::string& name)>& may_go) const;

  std::string folder_;
  unsigned long count_ = 0;
  std::deque<std::string> left_;  // their programs are gone, but not all that these started
};

}  // namespace cgisrv::process
