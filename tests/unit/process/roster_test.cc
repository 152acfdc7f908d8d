#include "process/roster.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <set>

#include "shell.h"

namespace cgisrv::process {
namespace {

TEST(Roster, PlacesAreDistinctAndLimited) {
  Roster roster(2, 3);
  roster.use_row(1);
  std::vector<RosterPlace> places;
  std::set<PidSlot*> slots;
  for (int i = 0; i < 3; ++i) {
    places.push_back(roster.claim());
    ASSERT_TRUE(places.back());
    slots.insert(places.back().slot());
  }
  EXPECT_EQ(slots.size(), 3U);
  EXPECT_FALSE(roster.claim());
}

TEST(Roster, WhatIsGivenBackCanBeClaimedAgain) {
  Roster roster(1, 2);
  roster.use_row(0);
  RosterPlace first = roster.claim();
  RosterPlace second = roster.claim();
  PidSlot* const slot = second.slot();
  second.release();
  EXPECT_FALSE(second);
  second.release();  // nothing to give back twice
  RosterPlace third = roster.claim();
  EXPECT_EQ(third.slot(), slot);
  EXPECT_FALSE(roster.claim());
}

TEST(Roster, MovingAPlaceGivesUpTheOldOne) {
  Roster roster(1, 2);
  roster.use_row(0);
  RosterPlace first = roster.claim();
  RosterPlace second = roster.claim();
  PidSlot* const kept = second.slot();
  first = std::move(second);
  EXPECT_EQ(first.slot(), kept);
  EXPECT_TRUE(roster.claim());  // the first one's
  {
    const RosterPlace gone = std::move(first);
    EXPECT_FALSE(first);  // NOLINT: that is the point
  }
  EXPECT_TRUE(roster.claim());
}

TEST(Roster, EndsTheProgramsOfOneWorker) {
  adopt_orphans();
  Roster roster(2, 4);
  roster.use_row(1);
  RosterPlace unused = roster.claim();  // claimed, but nothing was started
  Shell first("trap '' TERM; echo ready; exec sleep 100", roster.claim());
  Shell second("sleep 100 & echo $!; wait", roster.claim());
  ASSERT_EQ(first.line(), "ready");
  const pid_t grandchild = std::stoi(second.line());

  roster.end_programs_of(0);  // another's: ours are spared
  EXPECT_EQ(::kill(grandchild, 0), 0);
  EXPECT_FALSE(first.result->try_wait());
  EXPECT_FALSE(second.result->try_wait());

  roster.end_programs_of(1);
  for (Shell* const shell : {&first, &second}) {
    Child child = shell->take();
    EXPECT_EQ(wait_for(child).text(), "killed by signal 9 (SIGKILL)");
    EXPECT_EQ(shell->rest(), "");
  }
  EXPECT_TRUE(goes(grandchild));
}

// A worker can write what it likes into its row; the master may be root.
TEST(Roster, KillsNobodyWhoIsNotOurChild) {
  Shell shell("sleep 100 & echo $!; wait");
  const pid_t grandchild = std::stoi(shell.line());
  Roster roster(1, 1);
  roster.use_row(0);
  const RosterPlace forged = roster.claim();
  forged.slot()->store(grandchild);
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, grandchild, 0)));
  ASSERT_TRUE(pidfd);
  roster.end_programs_of(0);
  pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 100), 0);
  // Unless our child is known to start programs for workers.
  forged.slot()->store(grandchild);
  roster.end_programs_of(0, {shell.result->pid()});
  EXPECT_EQ(::poll(&ended, 1, 5000), 1);
  Child child = shell.take();
  child.signal_group(SIGKILL);
  wait_for(child);
}

TEST(Roster, EndingAnIdleWorkersProgramsDoesNothing) {
  Roster roster(3, 8);
  for (unsigned worker = 0; worker < 3; ++worker)
    roster.end_programs_of(worker);
}

// The row of a worker that died serves its successor, in a process of its own.
TEST(Roster, RowIsFreshAfterItsWorkersEnd) {
  Roster roster(1, 2);
  const pid_t worker = ::fork();
  if (worker == 0) {
    roster.use_row(0);
    Shell shell("exec sleep 100", roster.claim());
    ::_exit(shell.result ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(worker, &status, 0), worker);
  ASSERT_EQ(status, 0);
  roster.end_programs_of(0);
  roster.use_row(0);
  RosterPlace first = roster.claim();
  RosterPlace second = roster.claim();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(roster.claim());
}

}  // namespace
}  // namespace cgisrv::process
