#include "process/pid_table.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <set>

#include "../no_descriptors.h"
#include "shell.h"

namespace cgisrv::process {
namespace {

TEST(PidTable, PlacesAreDistinctAndLimited) {
  PidTable pid_table(2, 3);
  pid_table.use_row(1);
  std::vector<PidSlotOwner> pid_slots;
  std::set<PidSlot*> slots;
  for (int i = 0; i < 3; ++i) {
    pid_slots.push_back(pid_table.claim());
    ASSERT_TRUE(pid_slots.back());
    slots.insert(pid_slots.back().get());
  }
  EXPECT_EQ(slots.size(), 3U);
  EXPECT_FALSE(pid_table.claim());
}

TEST(PidTable, WhatIsGivenBackCanBeClaimedAgain) {
  PidTable pid_table(1, 2);
  pid_table.use_row(0);
  PidSlotOwner first = pid_table.claim();
  PidSlotOwner second = pid_table.claim();
  PidSlot* const slot = second.get();
  second.reset();
  EXPECT_FALSE(second);
  second.reset();  // nothing to give back twice
  PidSlotOwner third = pid_table.claim();
  EXPECT_EQ(third.get(), slot);
  EXPECT_FALSE(pid_table.claim());
}

TEST(PidTable, MovingAPlaceGivesUpTheOldOne) {
  PidTable pid_table(1, 2);
  pid_table.use_row(0);
  PidSlotOwner first = pid_table.claim();
  PidSlotOwner second = pid_table.claim();
  PidSlot* const kept = second.get();
  first = std::move(second);
  EXPECT_EQ(first.get(), kept);
  EXPECT_TRUE(pid_table.claim());  // the first one's
  {
    const PidSlotOwner gone = std::move(first);
    EXPECT_FALSE(first);  // NOLINT: that is the point
  }
  EXPECT_TRUE(pid_table.claim());
}

TEST(PidTable, EndsWhatAStarterHasStartedThoughNoDescriptorIsFree) {
  PidTable pid_table(1, 4);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t starter = ::fork();
  if (starter == 0) {
    pid_t program = ::fork();
    if (program == 0) {
      ::alarm(20);
      for (;;)
        ::pause();
    }
    if (::write(ends[1], &program, sizeof program) != sizeof program) ::_exit(1);
    int status = 0;
    ::waitpid(program, &status, 0);
    ::_exit(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
  pid_t program = 0;
  ASSERT_EQ(::read(ends[0], &program, sizeof program), ssize_t{sizeof program});
  if (const pid_t worker = ::fork(); worker == 0) {
    pid_table.use_row(0);
    const PidSlotOwner pid_slot = pid_table.claim();
    pid_slot->store(program);
    ::_exit(0);
  } else {
    ASSERT_EQ(::waitpid(worker, nullptr, 0), worker);
  }
  {
    const NoDescriptors scarcity;
    pid_table.end_programs_of(0, {starter});
  }
  int status = 0;
  ASSERT_EQ(::waitpid(starter, &status, 0), starter);
  EXPECT_EQ(WEXITSTATUS(status), SIGKILL);
}

TEST(PidTable, EndsTheProgramsOfOneWorker) {
  adopt_orphans();
  PidTable pid_table(2, 4);
  pid_table.use_row(1);
  PidSlotOwner unused = pid_table.claim();  // claimed, but nothing was started
  Shell first("trap '' TERM; echo ready; exec sleep 100", pid_table.claim());
  Shell second("sleep 100 & echo $!; wait", pid_table.claim());
  ASSERT_EQ(first.line(), "ready");
  const pid_t grandchild = std::stoi(second.line());

  pid_table.end_programs_of(0);  // another's: ours are spared
  EXPECT_EQ(::kill(grandchild, 0), 0);
  EXPECT_FALSE(first.result->try_wait());
  EXPECT_FALSE(second.result->try_wait());

  pid_table.end_programs_of(1);
  for (Shell* const shell : {&first, &second}) {
    Child child = shell->take();
    EXPECT_EQ(wait_for(child).text(), "killed by signal 9 (SIGKILL)");
    EXPECT_EQ(shell->rest(), "");
  }
  EXPECT_TRUE(goes(grandchild));
}

// A worker can write what it likes into its row; the master may be root.
TEST(PidTable, KillsNobodyWhoIsNotOurChild) {
  Shell shell("sleep 100 & echo $!; wait");
  const pid_t grandchild = std::stoi(shell.line());
  PidTable pid_table(1, 1);
  pid_table.use_row(0);
  const PidSlotOwner forged = pid_table.claim();
  forged->store(grandchild);
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, grandchild, 0)));
  ASSERT_TRUE(pidfd);
  pid_table.end_programs_of(0);
  pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 100), 0);
  // Unless our child is known to start programs for workers.
  forged->store(grandchild);
  pid_table.end_programs_of(0, {shell.result->pid()});
  EXPECT_EQ(::poll(&ended, 1, 5000), 1);
  Child child = shell.take();
  child.signal_group(SIGKILL);
  wait_for(child);
}

TEST(PidTable, EndingAnIdleWorkersProgramsDoesNothing) {
  PidTable pid_table(3, 8);
  for (unsigned worker = 0; worker < 3; ++worker)
    pid_table.end_programs_of(worker);
}

// The row of a worker that died serves its successor, in a process of its own.
TEST(PidTable, RowIsFreshAfterItsWorkersEnd) {
  PidTable pid_table(1, 2);
  const pid_t worker = ::fork();
  if (worker == 0) {
    pid_table.use_row(0);
    Shell shell("exec sleep 100", pid_table.claim());
    ::_exit(shell.result ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(worker, &status, 0), worker);
  ASSERT_EQ(status, 0);
  pid_table.end_programs_of(0);
  pid_table.use_row(0);
  PidSlotOwner first = pid_table.claim();
  PidSlotOwner second = pid_table.claim();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(pid_table.claim());
}

}  // namespace
}  // namespace cgisrv::process
