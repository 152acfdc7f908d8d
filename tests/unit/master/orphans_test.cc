#include "master/orphans.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <utility>
#include <vector>

#include "../run_until.h"

namespace cgisrv::master {
namespace {

using std::chrono::milliseconds;

// Zygotes are children of this process, as they are the master's once their zygote manager has
// died.
class OrphansTest : public testing::Test {
 protected:
  // As a zygote: it leads a session, and has a child that runs until it ends. Waits until it has.
  static pid_t start(bool leads = true, bool has_child = false) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (leads) ::setsid();
      if (has_child && ::fork() == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(ends[0]);
      ::close(ends[1]);
      for (;;)
        ::pause();
    }
    ::close(ends[1]);
    char none = 0;
    EXPECT_EQ(::read(ends[0], &none, 1), 0);  // all have closed it
    ::close(ends[0]);
    return pid;
  }
  void adopt(pid_t pid, bool has_served = true) {
    Shared<warm::ZygoteTable> table;
    auto place = table->claim();
    place->has_served = has_served;
    place->pid = pid;
    orphans_->adopt(*table);
    EXPECT_EQ(place->pid, 0);
  }
  static bool has_died(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
  }
  bool dies(pid_t pid) {
    const bool has = run_until(loop_, [pid] { return has_died(pid); });
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return has;
  }
  // More looks than anybody's patience.
  bool stays(pid_t pid) {
    run_for(loop_, milliseconds(40) * 10);
    const bool has = !has_died(pid);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return has;
  }

  Loop loop_;
  std::unique_ptr<Orphans> orphans_ = std::make_unique<Orphans>(loop_, milliseconds(10));
};

TEST_F(OrphansTest, KillsAZygoteThatHasBeenStopped) {
  const pid_t zygote = start(true, true);
  ::kill(zygote, SIGSTOP);
  adopt(zygote);
  EXPECT_EQ(orphans_->zygotes(), std::vector{zygote});
  EXPECT_TRUE(dies(zygote));
  EXPECT_TRUE(orphans_->zygotes().empty());
}

TEST_F(OrphansTest, KillsOneThatWaitsForNothing) {
  const pid_t zygote = start();
  adopt(zygote);
  EXPECT_TRUE(dies(zygote));
}

TEST_F(OrphansTest, LeavesOneWhoseProgramsRun) {
  const pid_t zygote = start(true, true);
  adopt(zygote);
  EXPECT_TRUE(stays(zygote));
}

TEST_F(OrphansTest, KillsOneThatHasNeverServedWhateverItWaitsFor) {
  const pid_t zygote = start(true, true);
  adopt(zygote, false);
  EXPECT_TRUE(dies(zygote));
}

TEST_F(OrphansTest, LeavesWhatIsNoZygote) {
  const pid_t other = start(false);
  ::kill(other, SIGSTOP);
  adopt(other, false);
  EXPECT_TRUE(orphans_->zygotes().empty());
  EXPECT_TRUE(stays(other));
}

TEST_F(OrphansTest, LeavesWhatIsNotItsChild) {
  for (const pid_t pid : {pid_t{-1}, pid_t{1}, ::getpid(), ::getppid()}) {
    adopt(pid, false);
    EXPECT_TRUE(orphans_->zygotes().empty()) << pid;
  }
}

TEST_F(OrphansTest, KillsWhatIsLeftAtTheEnd) {
  const pid_t zygote = start(true, true), zygote_manager = start(false),
              of_keeper = start(true, true);
  adopt(zygote);
  Shared<warm::ZygoteTable> table;
  auto place = table->claim();
  place->pid = of_keeper;
  orphans_->await_end(Fd(static_cast<int>(::syscall(SYS_pidfd_open, zygote_manager, 0))),
                      std::move(table));
  orphans_.reset();
  for (const pid_t pid : {zygote, zygote_manager, of_keeper})
    EXPECT_TRUE(dies(pid));
  (void)place.release();  // its table is gone
}

TEST_F(OrphansTest, KillsAKeeperThatDoesNotEndAndAdoptsItsZygotes) {
  const pid_t zygote_manager = start(false), zygote = start();
  ::kill(zygote_manager, SIGSTOP);
  Shared<warm::ZygoteTable> table;
  auto place = table->claim();
  place->has_served = true;
  place->pid = zygote;
  orphans_->await_end(Fd(static_cast<int>(::syscall(SYS_pidfd_open, zygote_manager, 0))),
                      std::move(table));
  EXPECT_TRUE(orphans_->zygotes().empty());
  EXPECT_TRUE(dies(zygote_manager));
  EXPECT_TRUE(dies(zygote));
  (void)place.release();
}

TEST(ZygoteTable, GivesEachASlotUntilAllAreTaken) {
  Shared<warm::ZygoteTable> table;
  std::vector<warm::ZygoteTable::Place> places;
  while (auto place = table->claim()) {
    place->pid = 7;
    places.push_back(std::move(place));
  }
  EXPECT_EQ(places.size(), warm::ZygoteTable::slots_max);
  places.pop_back();
  EXPECT_TRUE(table->claim());
}

}  // namespace
}  // namespace cgisrv::master
