// Programs for the tests: shell scripts whose output can be read.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "../run_until.h"
#include "process/spawn.h"

namespace cgisrv::process {

// One `sh -c SCRIPT`, or another program, with pipes to its standard input and output.
class Shell {
 public:
  explicit Shell(std::string script, PidSlotOwner pid_slot = {}) {
    arguments_ = {"/bin/sh", "-c", std::move(script)};
    start(std::move(pid_slot));
  }
  explicit Shell(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
    start({});
  }

  // The child, or why there is none.
  std::expected<Child, SpawnFailure> result = std::unexpected(SpawnFailure{});
  Child take() {
    EXPECT_TRUE(result);
    return result ? std::move(*result) : Child();
  }
  void write(std::string_view bytes) const {
    EXPECT_EQ(::write(input.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // Its next line, without the end. Empty at the end of the output, or when nothing comes.
  std::string line() const {
    std::string text;
    for (char c = 0; read_byte(c) && c != '\n';)
      text.push_back(c);
    return text;
  }
  // All of the rest: ends when nobody holds the output any longer.
  std::string rest() const {
    std::string text;
    for (char c = 0; read_byte(c);)
      text.push_back(c);
    return text;
  }

  Fd input, output;
  static inline std::vector<std::string> environment = {"A=1", "B=two words"};
  static inline const char* directory = "/";
  static inline std::span<const ResourceLimit> limits;

 private:
  void start(PidSlotOwner pid_slot) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    ASSERT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    const Fd child_in(in[0]);
    const Fd child_out(out[1]);
    input.reset(in[1]);
    output.reset(out[0]);
    const auto argv = pointers(arguments_);
    const auto envp = pointers(environment);
    result = spawn({.path = argv[0],
                    .argv = argv.data(),
                    .envp = envp.data(),
                    .directory = directory,
                    .stdin_fd = child_in.get(),
                    .stdout_fd = child_out.get(),
                    .stderr_fd = 2,
                    .limits = limits},
                   std::move(pid_slot));
  }
  static std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& one : strings)
      result.push_back(one.data());
    result.push_back(nullptr);
    return result;
  }
  bool read_byte(char& c) const {
    pollfd readable{.fd = output.get(), .events = POLLIN, .revents = 0};
    const int timeout_ms = static_cast<int>(std::chrono::milliseconds(generous).count());
    const bool ready = ::poll(&readable, 1, timeout_ms) == 1;
    EXPECT_TRUE(ready) << "no output in time";
    return ready && ::read(output.get(), &c, 1) == 1;
  }

  std::vector<std::string> arguments_;
};

inline Exit wait_for(Child& child) {
  pollfd ended{.fd = child.exit_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, static_cast<int>(std::chrono::milliseconds(generous).count())), 1);
  const auto exit = child.try_wait();
  EXPECT_TRUE(exit);
  return exit.value_or(Exit{});
}

// What a program leaves behind becomes ours, as it becomes the master's: ours to reap.
inline void adopt_orphans() {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

// Whether it has ended; reaps it when it was adopted.
inline bool gone(pid_t pid) {
  ::waitpid(pid, nullptr, WNOHANG);
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

// The kernel takes its time with a killed one.
inline bool goes(pid_t pid) {
  for (const auto end = Clock::now() + generous; !gone(pid) && Clock::now() < end;)
    ::usleep(1000);
  return gone(pid);
}

}  // namespace cgisrv::process
