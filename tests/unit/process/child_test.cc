#include "process/child.h"

#include <gmock/gmock.h>
#include <sys/syscall.h>

#include "shell.h"

namespace cgisrv::process {
namespace {

Exit exit_of(const std::string& script) {
  Shell shell(script);
  Child child = shell.take();
  return wait_for(child);
}

TEST(Child, ExitStatus) {
  const Exit good = exit_of("exit 0");
  EXPECT_TRUE(good.success());
  EXPECT_EQ(good.text(), "exit status 0");
  const Exit bad = exit_of("exit 3");
  EXPECT_FALSE(bad.success());
  EXPECT_FALSE(bad.signalled);
  EXPECT_EQ(bad.code, 3);
  EXPECT_EQ(bad.text(), "exit status 3");
}

TEST(Child, SignalByNumberAndName) {
  const Exit killed = exit_of("kill -KILL $$");
  EXPECT_TRUE(killed.signalled);
  EXPECT_FALSE(killed.success());
  EXPECT_EQ(killed.text(), "killed by signal 9 (SIGKILL)");
  EXPECT_EQ((Exit{.signalled = true, .code = 11}).text(), "killed by signal 11 (SIGSEGV)");
  EXPECT_EQ((Exit{.signalled = true, .code = 40}).text(), "killed by signal 40 (SIG40)");
}

TEST(Child, UsageIsTold) {
  EXPECT_GT(exit_of("true").usage.ru_maxrss, 0);
}

TEST(Child, IsReapedOnce) {
  Shell shell("read line");
  Child child = shell.take();
  ASSERT_TRUE(child);
  EXPECT_FALSE(child.try_wait());  // still runs
  shell.write("\n");
  EXPECT_TRUE(wait_for(child).success());
  EXPECT_FALSE(child);
  EXPECT_EQ(child.pid(), 0);
  EXPECT_FALSE(child.try_wait());
  child.signal_group(SIGKILL);  // to nobody: kill(0) would end this test
}

TEST(Child, MovedOneKnowsItsProcessAndTheOtherDoesNot) {
  Shell shell("read line");
  Child first = shell.take();
  const pid_t pid = first.pid();
  Child second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT: that is the point
  EXPECT_FALSE(first.try_wait());
  EXPECT_EQ(second.pid(), pid);
  shell.write("\n");
  wait_for(second);
}

TEST(Child, SignalReachesTheWholeGroup) {
  adopt_orphans();
  Shell shell("sleep 100 & echo $!; wait");
  Child child = shell.take();
  const pid_t leader = child.pid();
  const pid_t grandchild = std::stoi(shell.line());
  child.signal_group(SIGTERM);
  EXPECT_EQ(wait_for(child).text(), "killed by signal 15 (SIGTERM)");
  EXPECT_EQ(shell.rest(), "");
  EXPECT_TRUE(goes(grandchild));
  EXPECT_FALSE(group_exists(leader));
}

TEST(Child, GroupExistsWhileOneIsLeft) {
  adopt_orphans();
  Shell shell("sleep 100 & echo $!");
  Child child = shell.take();
  const pid_t leader = child.pid();
  const pid_t grandchild = std::stoi(shell.line());
  wait_for(child);
  EXPECT_TRUE(group_exists(leader));
  ::kill(grandchild, SIGKILL);
  EXPECT_EQ(::waitpid(grandchild, nullptr, 0), grandchild);
  EXPECT_FALSE(group_exists(leader));
}

// ---- by whoever is not its parent

Fd pidfd_of(pid_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

TEST(SignalGroup, ReachesAllThatTheProcessLeads) {
  adopt_orphans();
  Shell shell("sleep 100 & echo $!; wait");
  Child child = shell.take();
  const auto member = static_cast<pid_t>(std::stoi(shell.line()));
  signal_group(child.pid(), pidfd_of(child.pid()).get(), SIGKILL);
  EXPECT_TRUE(wait_for(child).signalled);
  EXPECT_TRUE(goes(member));
}

TEST(SignalGroup, ReachesOneThatLeadsNoneAndNoneBeside) {
  Shell shell("sleep 100 & echo $!; wait; read line");
  Child child = shell.take();
  const auto member = static_cast<pid_t>(std::stoi(shell.line()));
  signal_group(member, pidfd_of(member).get(), SIGKILL);
  EXPECT_TRUE(goes(member));
  EXPECT_FALSE(child.try_wait());
  shell.write("\n");
  EXPECT_TRUE(wait_for(child).success());
}

// As it is when somebody else has reaped the process and its number is another's by now.
TEST(SignalGroup, ReachesNobodyByANumberThatIsAnothersNow) {
  Shell one("exit"), other("read line");
  Child first = one.take(), second = other.take();
  const Fd pidfd = pidfd_of(first.pid());
  wait_for(first);
  signal_group(second.pid(), pidfd.get(), SIGKILL);
  other.write("\n");
  EXPECT_TRUE(wait_for(second).success());
}

}  // namespace
}  // namespace cgisrv::process
