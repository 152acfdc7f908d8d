// The bare loop: start a program, read its output to the end, reap it. No server can be faster with
// the same programs, so its rate is the yardstick of the others.
//
//   bench_limit PROGRAM SECONDS PROCESSES [pinned|forked]    prints {"runs": N, "seconds": S}
//
// pinned: each process, and what it starts, keeps to a processor of its own.
// forked: the program is started once for each process and forked where its main() would begin
// (fork_limit.c): the yardstick of warm starts.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

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

// The program loops itself, and adds up its runs where `offset` says in the counters' file.
[[noreturn]] void loop_forked(const char* program, const char* seconds, int counters,
                              std::size_t offset) {
  std::array<char, 4096> library{};
  if (::readlink("/proc/self/exe", library.data(), library.size() - 1) < 0) ::_exit(71);
  const std::string folder(library.data(), std::strrchr(library.data(), '/') - library.data());
  std::array words{
      "LD_PRELOAD=" + folder + "/libbench_fork_limit.so", std::string("BENCH_SECONDS=") + seconds,
      "BENCH_COUNTER=" + std::to_string(counters), "BENCH_OFFSET=" + std::to_string(offset)};
  std::vector<char*> variables;
  for (std::string& word : words)
    variables.push_back(word.data());
  for (const char* each : environment)  // ends with its null
    variables.push_back(const_cast<char*>(each));
  char* const arguments[] = {const_cast<char*>(program), nullptr};
  ::execve(program, arguments, variables.data());
  ::_exit(127);
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
  const std::string_view how = argc == 5 ? argv[4] : "";
  if (argc != 4 && how != "pinned" && how != "forked") {
    std::fputs("usage: bench_limit PROGRAM SECONDS PROCESSES [pinned|forked]\n", stderr);
    return 64;
  }
  const double seconds = std::atof(argv[2]);
  const int processes = std::atoi(argv[3]);
  constexpr std::size_t line = 64 / sizeof(long);  // counters do not share a line of the cache
  const std::size_t bytes = std::max(processes, 0) * line * sizeof(long);
  const int counters = ::memfd_create("counters", 0);
  if (processes < 1 || ::ftruncate(counters, static_cast<off_t>(bytes)) != 0) return 71;
  auto* counts =
      static_cast<long*>(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, counters, 0));
  if (counts == MAP_FAILED) return 71;
  const auto begin = Clock::now();
  for (int i = 0; i < processes; ++i)
    if (const pid_t pid = ::fork(); pid == 0) {
      if (how == "pinned") cgisrv::process::stay_on_one_processor(i, processes);
      if (how == "forked") loop_forked(argv[1], argv[2], counters, i * line * sizeof(long));
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
