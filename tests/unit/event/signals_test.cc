#include "event/signals.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "../run_until.h"

namespace cgisrv {
namespace {

struct Recorder {
  std::vector<int> numbers;
  void received(int number) { numbers.push_back(number); }
  SignalCallback callback() { return SignalCallback::of<&Recorder::received>(*this); }
};

TEST(Signals, ComeThroughTheLoop) {
  Loop loop;
  Recorder recorder;
  const Signals signals(loop, {SIGUSR1, SIGUSR2}, recorder.callback());
  ::raise(SIGUSR2);
  ::raise(SIGUSR1);
  EXPECT_TRUE(recorder.numbers.empty());
  EXPECT_TRUE(run_until(loop, [&] { return recorder.numbers.size() >= 2; }));
  EXPECT_THAT(recorder.numbers, testing::UnorderedElementsAre(SIGUSR1, SIGUSR2));
}

TEST(Signals, EqualOnesThatArePendingComeOnce) {
  Loop loop;
  Recorder recorder;
  const Signals signals(loop, {SIGUSR1}, recorder.callback());
  ::raise(SIGUSR1);
  ::raise(SIGUSR1);
  EXPECT_TRUE(run_until(loop, [&] { return !recorder.numbers.empty(); }));
  EXPECT_THAT(recorder.numbers, testing::ElementsAre(SIGUSR1));
}

// Exit status of `act` in a process of its own.
int status_of(int (*act)()) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(act());
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Dispositions, ABrokenPipeIsAnErrorAndNotTheEnd) {
  EXPECT_EQ(status_of([] {
              ::signal(SIGPIPE, SIG_IGN);
              set_default_dispositions();
              std::array<int, 2> ends{};
              if (::pipe(ends.data()) != 0) return 1;
              ::close(ends[0]);
              return ::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 2;
            }),
            0);
}

TEST(Dispositions, AreDefaultWhateverWasInherited) {
  EXPECT_EQ(status_of([] {
              ::signal(SIGHUP, SIG_IGN);
              ::signal(SIGCHLD, SIG_IGN);
              set_default_dispositions();
              for (const int number : {SIGHUP, SIGCHLD, SIGTERM, SIGSEGV}) {
                struct sigaction now {};
                ::sigaction(number, nullptr, &now);
                if (now.sa_handler != SIG_DFL) return number;
              }
              return 0;
            }),
            0);
}

}  // namespace
}  // namespace cgisrv
