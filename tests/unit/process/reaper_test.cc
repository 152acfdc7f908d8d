#include "process/reaper.h"

#include <gtest/gtest.h>

#include "shell.h"

namespace cgisrv::process {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class ReaperTest : public testing::Test {
 protected:
  ReaperTest() { adopt_orphans(); }
  void idle() { ++idle_calls; }
  // Until the reaper says that nobody is left; `orphan` is reaped for the kernel meanwhile.
  void expect_idle(pid_t orphan = 0) {
    EXPECT_TRUE(run_until(loop, [&] {
      if (orphan != 0) ::waitpid(orphan, nullptr, WNOHANG);
      return idle_calls > 0;
    }));
    EXPECT_TRUE(reaper.idle());
    EXPECT_EQ(idle_calls, 1);
  }

  Loop loop;
  int idle_calls = 0;
  Reaper reaper{loop, Callback::of<&ReaperTest::idle>(*this)};
};

// It says so when it ignores TERM, and never ends by itself.
constexpr auto stubborn = "trap '' TERM; echo ready; exec sleep 100";

TEST_F(ReaperTest, TermEndsAProgram) {
  EXPECT_TRUE(reaper.idle());
  Shell shell("echo ready; exec sleep 100");
  ASSERT_EQ(shell.line(), "ready");
  Child child = shell.take();
  const pid_t pid = child.pid();
  reaper.end(std::move(child), hours(1));
  EXPECT_FALSE(reaper.idle());
  expect_idle();
  EXPECT_TRUE(gone(pid));
}

TEST_F(ReaperTest, NothingToEndIsNoWork) {
  reaper.end(Child(), hours(1));
  reaper.release(Child(), hours(1), hours(1));
  EXPECT_TRUE(reaper.idle());
  EXPECT_EQ(idle_calls, 0);
}

TEST_F(ReaperTest, ProgramMayUseItsGrace) {
  Shell shell("trap 'echo tidying; exit 5' TERM; echo ready; while :; do :; done");
  ASSERT_EQ(shell.line(), "ready");
  reaper.end(shell.take(), hours(1));
  expect_idle();
  EXPECT_EQ(shell.rest(), "tidying\n");
}

TEST_F(ReaperTest, OneThatIgnoresTermIsKilledAfterItsGrace) {
  Shell shell(stubborn);
  ASSERT_EQ(shell.line(), "ready");
  Child child = shell.take();
  const pid_t pid = child.pid();
  const TimePoint start = loop.now();  // what a grace is counted from
  reaper.end(std::move(child), milliseconds(50));
  expect_idle();
  EXPECT_GE(Clock::now() - start, milliseconds(50));
  EXPECT_TRUE(gone(pid));
}

TEST_F(ReaperTest, StoppedOneEndsToo) {
  Shell shell("echo ready; exec sleep 100");
  ASSERT_EQ(shell.line(), "ready");
  Child child = shell.take();
  ASSERT_EQ(::kill(child.pid(), SIGSTOP), 0);
  reaper.end(std::move(child), hours(1));
  expect_idle();
}

TEST_F(ReaperTest, GrandchildThatOutlivesTheLeaderIsKilled) {
  Shell shell("(trap '' TERM; echo ready; exec sleep 100) & echo $!; wait");
  const std::string first = shell.line();
  const std::string second = shell.line();
  const pid_t grandchild = std::stoi(first == "ready" ? second : first);
  reaper.end(shell.take(), milliseconds(50));
  expect_idle(grandchild);
  EXPECT_TRUE(goes(grandchild));
  EXPECT_EQ(shell.rest(), "");
}

TEST_F(ReaperTest, ReleasedOneLivesOn) {
  Shell shell("read line; echo \"still here, $line\"");
  Child child = shell.take();
  const pid_t pid = child.pid();
  reaper.release(std::move(child), milliseconds::max(), hours(1));
  run_for(loop, milliseconds(20));
  EXPECT_EQ(idle_calls, 0);
  shell.write("friend\n");
  expect_idle();
  EXPECT_EQ(shell.rest(), "still here, friend\n");
  EXPECT_TRUE(gone(pid));
}

TEST_F(ReaperTest, PatienceWithAReleasedOneEnds) {
  Shell shell(stubborn);
  ASSERT_EQ(shell.line(), "ready");
  reaper.release(shell.take(), milliseconds(20), milliseconds(20));
  expect_idle();
}

// One that ended by itself may leave a daemon behind on purpose.
TEST_F(ReaperTest, WhatAReleasedOneLeavesBehindStays) {
  Shell shell("sleep 100 & echo $!");
  const pid_t grandchild = std::stoi(shell.line());
  reaper.release(shell.take(), hours(1), hours(1));
  expect_idle();
  EXPECT_FALSE(gone(grandchild));
  ::kill(grandchild, SIGKILL);
  EXPECT_EQ(::waitpid(grandchild, nullptr, 0), grandchild);
}

TEST_F(ReaperTest, ReleasedOneIsReapedThoughThereAreNoDescriptors) {
  Shell shell("read line; sleep 100 & echo $!");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  reaper.release(shell.take(), milliseconds::max(), hours(1));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  shell.write("go\n");
  const pid_t grandchild = std::stoi(shell.line());
  expect_idle();
  EXPECT_FALSE(gone(grandchild));
  ::kill(grandchild, SIGKILL);
  EXPECT_EQ(::waitpid(grandchild, nullptr, 0), grandchild);
}

TEST_F(ReaperTest, WhatOneLeavesBehindThatHadEndedAlreadyStays) {
  Shell shell("sleep 100 & echo $!");
  const pid_t grandchild = std::stoi(shell.line());
  Child child = shell.take();
  pollfd ended{.fd = child.exit_fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ended, 1, 10'000), 1);
  reaper.end(std::move(child), hours(1));
  EXPECT_TRUE(reaper.idle());
  EXPECT_FALSE(gone(grandchild));
  ::kill(grandchild, SIGKILL);
  EXPECT_EQ(::waitpid(grandchild, nullptr, 0), grandchild);
}

TEST_F(ReaperTest, HurryShortensEveryGrace) {
  Shell ended(stubborn);
  Shell released(stubborn);
  ASSERT_EQ(ended.line(), "ready");
  ASSERT_EQ(released.line(), "ready");
  reaper.end(ended.take(), hours(1));
  reaper.release(released.take(), hours(1), hours(1));
  run_for(loop, milliseconds(5));
  EXPECT_FALSE(reaper.idle());
  reaper.hurry(milliseconds(20));
  expect_idle();
  Shell late(stubborn);  // from now on, too
  ASSERT_EQ(late.line(), "ready");
  idle_calls = 0;
  reaper.end(late.take(), hours(1));
  expect_idle();
}

TEST_F(ReaperTest, IdleIsSaidWhenTheLastOfSeveralIsGone) {
  std::vector<Shell> shells;
  for (int i = 0; i < 5; ++i)
    shells.emplace_back("echo ready; exec sleep 100");
  for (Shell& shell : shells) {
    ASSERT_EQ(shell.line(), "ready");
    reaper.end(shell.take(), hours(1));
  }
  expect_idle();
}

}  // namespace
}  // namespace cgisrv::process
