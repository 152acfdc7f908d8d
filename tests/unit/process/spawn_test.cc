#include "process/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "../temporary_directory.h"
#include "process/privileges.h"
#include "shell.h"

namespace cgisrv::process {
namespace {

using testing::HasSubstr;

class Spawn : public testing::Test {
 protected:
  Spawn() {
    EXPECT_TRUE(clean_inheritance());
    // What earlier tests left to us has been killed: it is only to be reaped.
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
  }
  ~Spawn() override {
    Shell::directory = "/";
    Shell::limits = {};
  }
};

TEST_F(Spawn, RunsWithItsArgumentsAndStreams) {
  Shell shell("read line; echo \"got $line\"");
  shell.write("this\n");
  EXPECT_EQ(shell.rest(), "got this\n");
  Child child = shell.take();
  EXPECT_TRUE(wait_for(child).success());
}

TEST_F(Spawn, HasDescriptors0To2AndNoOther) {
  const Fd ours(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Shell shell("ls /proc/$$/fd; true");
  EXPECT_EQ(shell.rest(), "0\n1\n2\n");
  Child child = shell.take();
  wait_for(child);
}

std::map<std::string, std::string> open_descriptors() {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the iterator's own
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone) found[entry.path().filename()] = target;
  }
  return found;
}

// The child borrows our table of descriptors until it has cut off its own.
TEST_F(Spawn, LeavesOurDescriptorsAsTheyWere) {
  ASSERT_TRUE(prepare_to_spawn());
  const auto before = open_descriptors();
  for (int i = 0; i < 3; ++i) {
    Shell shell("exec 0<&- 1>&- 2>&-");
    EXPECT_EQ(shell.rest(), "");
    Child child = shell.take();
    wait_for(child);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Spawn, TakesNoDescriptorAlongHoweverManyThereAre) {
  ASSERT_TRUE(prepare_to_spawn());
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::vector<Fd> many;
  for (int i = 0; i < 500; ++i)  // not close-on-exec: they are cut off
    many.emplace_back(::fcntl(null.get(), F_DUPFD, 100));
  Shell shell("ls /proc/$$/fd; true");
  EXPECT_EQ(shell.rest(), "0\n1\n2\n");
  Child child = shell.take();
  wait_for(child);
}

TEST_F(Spawn, LeadsAGroupOfItsOwn) {
  Shell shell("read line");
  Child child = shell.take();
  EXPECT_EQ(::getpgid(child.pid()), child.pid());
  EXPECT_NE(::getpgid(child.pid()), ::getpgrp());
  shell.write("\n");
  wait_for(child);
}

TEST_F(Spawn, EnvironmentIsWhatWasGivenAndNothingElse) {
  ::setenv("CGISRV_SECRET", "1", 1);
  Shell shell(std::vector<std::string>{"/usr/bin/env"});
  EXPECT_EQ(shell.rest(), "A=1\nB=two words\n");
  Child child = shell.take();
  wait_for(child);
}

TEST_F(Spawn, WorkingDirectory) {
  const TemporaryDirectory directory;
  Shell::directory = directory.path().c_str();
  Shell shell("pwd -P");
  EXPECT_EQ(shell.rest(), directory.path() + "\n");
  Child child = shell.take();
  wait_for(child);
}

TEST_F(Spawn, NoSignalIsBlocked) {
  sigset_t some;
  sigset_t before;
  sigemptyset(&some);
  sigaddset(&some, SIGTERM);
  sigaddset(&some, SIGUSR1);
  ASSERT_EQ(::sigprocmask(SIG_BLOCK, &some, &before), 0);
  Shell shell(std::vector<std::string>{"/bin/grep", "SigBlk", "/proc/self/status"});
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(shell.rest(), "SigBlk:\t0000000000000000\n");
  Child child = shell.take();
  wait_for(child);
}

TEST_F(Spawn, LimitsHold) {
  const std::array<ResourceLimit, 2> limits = {{{RLIMIT_NOFILE, {33, 33}}, {RLIMIT_CORE, {0, 0}}}};
  Shell::limits = limits;
  Shell shell("ulimit -n; ulimit -c");
  EXPECT_EQ(shell.rest(), "33\n0\n");
  Child child = shell.take();
  wait_for(child);
}

TEST_F(Spawn, PidStandsInItsPlaceFromTheStart) {
  PidTable pid_table(1, 1);
  pid_table.use_row(0);
  PidSlotOwner pid_slot = pid_table.claim();
  const PidSlot& slot = *pid_slot;
  Shell shell("read line", std::move(pid_slot));
  Child child = shell.take();
  EXPECT_EQ(slot.load(), child.pid());
  shell.write("\n");
  wait_for(child);
  EXPECT_LE(slot.load(), 0);
  EXPECT_TRUE(pid_table.claim());  // free again
}

TEST_F(Spawn, DiesWithItsCaller) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t caller = ::fork();
  if (caller == 0) {
    Shell shell("echo ready; exec sleep 100");
    const bool ready = shell.line() == "ready";
    const std::string pid = std::to_string(shell.result->pid());
    const bool told = ::write(ends[1], pid.data(), pid.size()) > 0;
    ::_exit(ready && told ? 0 : 1);
  }
  adopt_orphans();
  int status = 0;
  ASSERT_EQ(::waitpid(caller, &status, 0), caller);
  ASSERT_EQ(status, 0);
  std::array<char, 32> text{};
  ASSERT_GT(::read(ends[0], text.data(), text.size() - 1), 0);
  const pid_t program = std::atoi(text.data());
  EXPECT_TRUE(goes(program));
  ::close(ends[0]);
  ::close(ends[1]);
}

// ---- failures ----------------------------------------------------------------------------------

void expect_failure(const Shell& shell, SpawnStep step, int code) {
  ASSERT_FALSE(shell.result);
  EXPECT_EQ(shell.result.error().step, step);
  EXPECT_EQ(shell.result.error().code, code) << ::strerror(shell.result.error().code);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // nothing is left to reap
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(shell.rest(), "");  // nor does anybody hold the output
}

TEST_F(Spawn, MissingFile) {
  const TemporaryDirectory directory;
  expect_failure(Shell(std::vector{directory.path() + "/none"}), SpawnStep::exec, ENOENT);
}

TEST_F(Spawn, MissingInterpreter) {
  TemporaryDirectory directory;
  const auto file = directory.file("a", 0755, "#!/no/such/interpreter\n");
  expect_failure(Shell(std::vector{file}), SpawnStep::exec, ENOENT);
}

TEST_F(Spawn, NotExecutable) {
  TemporaryDirectory directory;
  const auto file = directory.file("a", 0644, "#!/bin/sh\n");
  expect_failure(Shell(std::vector{file}), SpawnStep::exec, EACCES);
}

TEST_F(Spawn, NoFormatOfAProgram) {
  TemporaryDirectory directory;
  const auto file = directory.file("a", 0755, "echo no first line\n");
  expect_failure(Shell(std::vector{file}), SpawnStep::exec, ENOEXEC);
}

TEST_F(Spawn, BadDirectory) {
  Shell::directory = "/no/such/directory";
  expect_failure(Shell("true"), SpawnStep::directory, ENOENT);
}

TEST_F(Spawn, LimitThatCannotBeSet) {
  const std::array<ResourceLimit, 1> limits = {{{RLIMIT_NOFILE, {64, 32}}}};  // soft over hard
  Shell::limits = limits;
  expect_failure(Shell("true"), SpawnStep::limits, EINVAL);
}

TEST_F(Spawn, FailureGivesThePlaceBack) {
  PidTable pid_table(1, 1);
  pid_table.use_row(0);
  Shell::directory = "/no/such/directory";
  for (int i = 0; i < 3; ++i) {
    PidSlotOwner pid_slot = pid_table.claim();
    ASSERT_TRUE(pid_slot);
    EXPECT_FALSE(Shell("true", std::move(pid_slot)).result);
  }
}

}  // namespace
}  // namespace cgisrv::process
