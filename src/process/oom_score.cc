#include "process/oom_score.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

namespace cgisrv::process {

namespace {

constexpr int score_max = 1000;

// For this process; closed if scores are not set.
struct Scores {
  Fd file;
  std::string own;
  std::string programs;
} scores;

void write_score(const std::string& score) {
  [[maybe_unused]] const auto written = ::pwrite(scores.file.get(), score.data(), score.size(), 0);
}

// An untraceable process does not own its files in /proc; nobody else can ask at this moment.
Fd open_own() {
  const bool dumpable = ::prctl(PR_GET_DUMPABLE) == 1;
  if (!dumpable) ::prctl(PR_SET_DUMPABLE, 1);
  Fd file(::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
  if (!dumpable) ::prctl(PR_SET_DUMPABLE, 0);
  return file;
}

}  // namespace

void raise_oom_score() {
  scores.file = open_own();
  std::array<char, 16> text{};
  if (!scores.file || ::pread(scores.file.get(), text.data(), text.size() - 1, 0) <= 0)
    return scores.file.reset();
  const int given = static_cast<int>(std::strtol(text.data(), nullptr, 10));
  scores.own = std::to_string(std::min(given + workers_oom_score, score_max));
  scores.programs = std::to_string(std::min(given + programs_oom_score, score_max));
  write_score(scores.own);
}

ProgramsOomScore::ProgramsOomScore() {
  if (scores.file) write_score(scores.programs);
}

ProgramsOomScore::~ProgramsOomScore() {
  if (scores.file) write_score(scores.own);
}

}  // namespace cgisrv::process
