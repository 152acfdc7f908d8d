// The bare loop: start a program, read its output to the end, reap it. No server can be faster with
// the same programs, so its rate is the yardstick of the others.
//
//   bench_limit PROGRAM SECONDS PROCESSES [pinned]    prints {"runs": N, "seconds": S}
//
// pinned: each process, and what it starts, keeps to a processor of its own.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "process/affinity.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Run {
  const char* program;
  int output;
};

// What a server sets, so that programs find as much to read as they do behind one.
std::array environment{
    "GATEWAY_INTERFACE=CGI/1.1",
    "SERVER_PROTOCOL=HTTP/1.1",
    "SERVER_SOFTWARE=limit",
    "SERVER_NAME=127.0.0.1",
    "SERVER_PORT=80",
    "REQUEST_METHOD=GET",
    "REQUEST_URI=/cgi-bin/now",
    "SCRIPT_NAME=/cgi-bin/now",
    "QUERY_STRING=x=42",
    "REMOTE_ADDR=127.0.0.1",
    "REMOTE_PORT=40000",
    "HTTP_HOST=127.0.0.1",
    "PATH=/usr/bin:/bin",
    static_cast<const char*>(nullptr),
};

// Shares our memory until it executes, as vfork's child does, on a stack of its own.
int become_program(void* argument) {
  const auto& run = *static_cast<const Run*>(argument);
  ::dup2(run.output, STDOUT_FILENO);
  char* const argv[] = {const_cast<char*>(run.program), nullptr};
  ::execve(run.program, argv, const_cast<char**>(environment.data()));
  ::_exit(127);
}

bool run_once(const char* program) {
  alignas(64) static std::array<std::byte, 64 * 1024> stack;
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return false;
  Run run{program, pipe[1]};
  const pid_t pid =
      ::clone(become_program, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &run);
  ::close(pipe[1]);
  std::array<char, 4096> output{};
  ssize_t bytes = 0;
  for (ssize_t n = 0; (n = ::read(pipe[0], output.data(), output.size())) > 0;)
    bytes += n;
  ::close(pipe[0]);
  int status = -1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0 && bytes > 0;
}

[[noreturn]] void loop(const char* program, double seconds, long& runs) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    if (!run_once(program)) ::_exit(1);
    ++runs;
  }
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const bool pinned = argc == 5 && std::string_view(argv[4]) == "pinned";
  if (argc != 4 && !pinned) {
    std::fputs("usage: bench_limit PROGRAM SECONDS PROCESSES [pinned]\n", stderr);
    return 64;
  }
  const double seconds = std::atof(argv[2]);
  const int processes = std::atoi(argv[3]);
  constexpr std::size_t line = 64 / sizeof(long);  // counters do not share a line of the cache
  auto* counts =
      static_cast<long*>(::mmap(nullptr, processes * line * sizeof(long), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (processes < 1 || counts == MAP_FAILED) return 71;
  const auto begin = Clock::now();
  for (int i = 0; i < processes; ++i)
    if (const pid_t pid = ::fork(); pid == 0) {
      if (pinned) cgisrv::process::stay_on_one_processor(i, processes);
      loop(argv[1], seconds, counts[i * line]);
    }
  bool good = true;
  int status = 0;
  while (::wait(&status) > 0)
    good = good && status == 0;
  const std::chrono::duration<double> took = Clock::now() - begin;
  long runs = 0;
  for (int i = 0; i < processes; ++i)
    runs += counts[i * line];
  std::printf("{\"runs\": %ld, \"seconds\": %.6f}\n", runs, took.count());
  return good && runs > 0 ? 0 : 1;
}
