// What starting a program costs when the process that starts it is large: process::spawn, in a
// process that makes itself so.
//
//   bench_spawn_cost PROGRAM SECONDS RESIDENT_MIB DESCRIPTORS
//
// Prints {"spawn_us": S, "run_us": R}, medians: of the call alone, and of the call, reading the
// output to its end and reaping.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "process/spawn.h"

namespace {

using namespace cgisrv;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// In pages of 4 KiB: what a copy of the process costs is the number of its pages, and a worker's
// memory consists of small blocks.
bool grow(std::size_t mib) {
  if (mib == 0) return true;
  const std::size_t bytes = mib << 20;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);
  std::memset(memory, 1, bytes);
  return true;
}

bool open_descriptors(int count) {
  for (int i = 0; i < count; ++i)
    if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return false;
  return true;
}

struct Sample {
  double spawn_us;
  double run_us;
};

// Nothing if the program could not be started or failed.
std::optional<Sample> run_once(const char* path, int null) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return std::nullopt;
  const Fd output(pipe[0]);
  Fd input(pipe[1]);
  const std::array<char*, 2> argv{const_cast<char*>(path), nullptr};
  const std::array<char*, 2> envp{const_cast<char*>("QUERY_STRING=x=42"), nullptr};
  const auto begin = Clock::now();
  auto child = process::spawn({.path = path,
                               .argv = argv.data(),
                               .envp = envp.data(),
                               .directory = "/",
                               .stdin_fd = null,
                               .stdout_fd = input.get(),
                               .stderr_fd = STDERR_FILENO,
                               .limits = {}},
                              {});
  const auto started = Clock::now();
  if (!child) return std::nullopt;
  input.reset();
  std::array<char, 4096> buffer{};
  while (::read(output.get(), buffer.data(), buffer.size()) > 0) {
  }
  pollfd end{child->exit_fd(), POLLIN, 0};
  ::poll(&end, 1, -1);
  const auto exit = child->try_wait();
  if (!exit || !exit->success()) return std::nullopt;
  return Sample{microseconds(started - begin), microseconds(Clock::now() - begin)};
}

double median(std::vector<Sample>& samples, double Sample::*field) {
  const auto middle = samples.begin() + std::ptrdiff_t(samples.size() / 2);
  std::ranges::nth_element(samples, middle, {}, field);
  return *middle.*field;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: bench_spawn_cost PROGRAM SECONDS RESIDENT_MIB DESCRIPTORS\n", stderr);
    return 64;
  }
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // As a worker does, before it has connections.
  if (!process::prepare_to_spawn() || !grow(std::strtoul(argv[3], nullptr, 10)) ||
      !open_descriptors(std::atoi(argv[4]))) {
    std::perror("bench_spawn_cost");
    return 71;
  }
  std::vector<Sample> samples;
  const auto end = Clock::now() + std::chrono::duration<double>(std::atof(argv[2]));
  while (Clock::now() < end) {
    const auto sample = run_once(argv[1], null);
    if (!sample) return 1;
    samples.push_back(*sample);
  }
  const double spawn_us = median(samples, &Sample::spawn_us);
  const double run_us = median(samples, &Sample::run_us);
  std::printf("{\"spawn_us\": %.1f, \"run_us\": %.1f}\n", spawn_us, run_us);
}
