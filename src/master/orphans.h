// Processes that should end by themselves and that nothing else watches: zygotes of a dead zygote
// manager, and zygote managers of an earlier configuration. Kills those that do not end.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>
#include <sys/types.h>

#include <chrono>
#include <list>
#include <vector>

#include "base/shared.h"
#include "warm/zygote_table.h"

namespace cgisrv::master {

// In the master, a subreaper: all of them are its children, and the pool reaps them.
class Orphans {
 public:
  // Checks are `interval` apart, and timeouts are counted in checks, so that a pause of the whole
  // machine is held against no process.
  explicit Orphans(Loop& loop, std::chrono::milliseconds interval = std::chrono::seconds(1));
  // Kills what is left: nobody will ask anything of it any more.
  ~Orphans();

  // Takes a dead zygote manager's zygotes out of its table.
  void adopt(warm::ZygoteTable& table);
  // A zygote manager that has been told to end: its pidfd, and its zygotes. Without a pidfd it has
  // ended.
  void await_end(Fd zygote_manager, Shared<warm::ZygoteTable> zygotes);

  std::vector<pid_t> zygotes() const;

 private:
  struct Zygote {
    pid_t pid;
    ParentOnly<Fd> process;
    bool has_served;
    bool was_stopped = false;  // at the last check
    bool is_condemned = false;
    unsigned idle_looks = 0;  // checks since it has had nothing to wait for
  };
  struct ZygoteManager {
    ParentOnly<Fd> process;
    Shared<warm::ZygoteTable> zygotes;
    unsigned looks = 0;
  };

  void look();
  bool is_over(ZygoteManager& zygote_manager);
  static void judge(Zygote& zygote);

  std::chrono::milliseconds interval_;
  std::list<Zygote> zygotes_;
  std::list<ZygoteManager> managers_;
  Timer look_;  // armed while there is an orphan
};

}  // namespace cgisrv::master
