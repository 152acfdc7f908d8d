#include "cgi/diagnosis.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <array>
#include <cerrno>

#include "../temporary_directory.h"
#include "base/result.h"

namespace cgisrv::cgi {
namespace {

using process::SpawnStep;
using testing::HasSubstr;

// Each test starts a real file and explains what the kernel really said.
class DiagnosisTest : public testing::Test {
 protected:
  Diagnosis diagnose(const std::string& file, const std::string& interpreter = "") {
    const std::string program = interpreter.empty() ? file : interpreter;
    std::array<char*, 2> argv = {const_cast<char*>(program.c_str()), nullptr};
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    auto child = process::spawn({.path = program.c_str(),
                                 .argv = argv.data(),
                                 .envp = argv.data() + 1,
                                 .directory = "/",
                                 .stdin_fd = null.get(),
                                 .stdout_fd = null.get(),
                                 .stderr_fd = null.get(),
                                 .limits = {}},
                                {});
    EXPECT_FALSE(child) << file << " could be started";
    return child ? Diagnosis{} : explain(child.error(), file, interpreter);
  }
  static Diagnosis explain(process::SpawnFailure failure, const std::string& file,
                           const std::string& interpreter = "") {
    Script script;
    script.filename = file;
    script.interpreter = interpreter;
    return diagnose_start(failure, script);
  }
  void expect(const std::string& file, int status, const std::string& part) {
    const Diagnosis found = diagnose(file);
    EXPECT_EQ(found.status, status);
    EXPECT_THAT(found.sentence, HasSubstr(file));
    EXPECT_THAT(found.sentence, HasSubstr(part));
  }
  TemporaryDirectory directory;
};

TEST_F(DiagnosisTest, WindowsLineEnds) {
  expect(directory.file("a", 0755, "#!/bin/sh\r\necho\r\n"), 502, "has Windows line ends");
}

TEST_F(DiagnosisTest, MissingInterpreter) {
  expect(directory.file("a", 0755, "#! /no/such/python -u\n"), 502,
         "its interpreter /no/such/python does not exist");
}

TEST_F(DiagnosisTest, ConfiguredInterpreterIsMissing) {
  const auto file = directory.file("a", 0644, "print()\n");
  const auto found = diagnose(file, "/no/such/python");
  EXPECT_THAT(found.sentence,
              HasSubstr("its configured interpreter /no/such/python does not exist"));
}

TEST_F(DiagnosisTest, MissingFile) {
  expect(directory.path() + "/none", 502, "does not exist");
}

TEST_F(DiagnosisTest, NotExecutable) {
  const auto file = directory.file("a", 0644, "#!/bin/sh\n");
  expect(file, 502, "is not executable; run: chmod +x " + file);
}

TEST_F(DiagnosisTest, InterpreterThatMayNotBeExecuted) {
  const auto interpreter = directory.file("python", 0644);
  expect(directory.file("a", 0755, "#!" + interpreter + "\n"), 502,
         "its interpreter " + interpreter + " is not executable; run: chmod +x");
}

TEST_F(DiagnosisTest, NoInterpreterLine) {
  expect(directory.file("a", 0755, "print('hello')\n"), 502, "has no interpreter line");
}

TEST_F(DiagnosisTest, EmptyFile) {
  expect(directory.file("a", 0755, ""), 502, "is empty");
}

TEST_F(DiagnosisTest, BinaryForAnotherMachine) {
  std::string elf =
      "\x7f"
      "ELF\x02\x01\x01";
  elf.resize(64);
  elf[16] = 2;       // an executable
  elf[18] = '\x7e';  // for no machine of ours
  expect(directory.file("a", 0755, elf), 502, "is a binary for machine 126, and this machine is ");
}

TEST_F(DiagnosisTest, DamagedBinary) {
  expect(directory.file("a", 0755,
                        "\x7f"
                        "ELF"),
         502, "is a damaged binary");
}

TEST_F(DiagnosisTest, InterpretersInACircle) {
  const auto file = directory.path() + "/a";
  directory.file("a", 0755, "#!" + file + "\n");
  const auto found = explain({SpawnStep::exec, ENOENT}, file);
  EXPECT_THAT(found.sentence, HasSubstr("what should run it does not exist"));
}

TEST_F(DiagnosisTest, FileThatIsBeingWritten) {
  const std::string file = "/a/b";

  const auto found = explain({SpawnStep::exec, ETXTBSY}, file);
  EXPECT_EQ(found.status, 503);
  EXPECT_EQ(found.sentence, file + " is being written to; try again when it is done");
}

TEST_F(DiagnosisTest, OtherSteps) {
  EXPECT_THAT(explain({SpawnStep::directory, EACCES}, "/a/b").sentence,
              HasSubstr("/a/b: cannot enter its directory: Permission denied"));
  const auto limits = explain({SpawnStep::limits, EINVAL}, "/a/b");
  EXPECT_EQ(limits.status, 500);
  EXPECT_THAT(limits.sentence, HasSubstr("rlimits"));
  const auto clone = explain({SpawnStep::clone, EAGAIN}, "/a/b");
  EXPECT_EQ(clone.status, 503);
  EXPECT_THAT(clone.sentence, HasSubstr("no process could be started"));
  EXPECT_THAT(clone.sentence, HasSubstr("too many"));
  // Fault 2n.
  const auto emulated = explain({SpawnStep::clone, EINVAL}, "/a/b");
  EXPECT_EQ(emulated.status, 502);
  EXPECT_THAT(emulated.sentence,
              testing::AllOf(HasSubstr("an emulator"), testing::Not(HasSubstr("too many"))));
  EXPECT_THAT(explain({SpawnStep::exec, E2BIG}, "/a/b").sentence, HasSubstr("too large"));
  EXPECT_THAT(explain({SpawnStep::exec, EIO}, "/a/b").sentence, HasSubstr(errno_text(EIO)));
}

TEST_F(DiagnosisTest, WhatTheFileSaysDrivesNoTerminal) {
  expect(directory.file("a", 0755, "#!/no/\x1b[31m\n"), 502, "/no/\\x1b[31m");
}

TEST_F(DiagnosisTest, ShortageIsNotTheProgramsFault) {
  for (const SpawnStep step : {SpawnStep::clone, SpawnStep::directory, SpawnStep::exec})
    for (const int code : {EAGAIN, EMFILE, ENFILE, ENOMEM})
      EXPECT_EQ(explain({step, code}, "/a").status, 503) << errno_text(code);
  EXPECT_EQ(explain({SpawnStep::directory, ENOENT}, "/a").status, 502);
  EXPECT_EQ(explain({SpawnStep::exec, EIO}, "/a").status, 502);
}

}  // namespace
}  // namespace cgisrv::cgi
