#include "process/kin.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

namespace cgisrv::process {

namespace {

// With more, we assume that one of them runs.
constexpr unsigned children_looked_at_max = 1000;

// proc(5)
struct Stat {
  char state;
  pid_t parent;
};

// Nothing: no such process, or not visible.
std::optional<Stat> stat_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line, '\0');
  const auto name_end = line.rfind(')');  // "12 (name) S 1 ..."; a name may have all of that in it
  Stat stat{};
  if (name_end == line.npos ||
      std::sscanf(line.c_str() + name_end, ") %c %d", &stat.state, &stat.parent) != 2)
    return std::nullopt;
  return stat;
}

bool may_run(pid_t pid) {
  const auto stat = stat_of(pid);
  return !stat || (stat->state != 'Z' && stat->state != 'X' && stat->state != 'T');
}

}  // namespace

bool is_our_child(pid_t pid) {
  siginfo_t info;
  return pid > 1 &&
         ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool is_stopped(pid_t child) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(child);
  return ::waitid(P_PID, id, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

std::optional<bool> wants_processor(pid_t pid) {
  const auto stat = stat_of(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return stat->state == 'R';
}

pid_t parent_of(pid_t pid) {
  const auto stat = stat_of(pid);
  return stat ? stat->parent : 0;
}

// proc_pid_statm(5): all pages, then the resident ones.
std::optional<std::uint64_t> resident_bytes(pid_t pid) {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid));
  std::uint64_t pages = 0;
  if (!(statm >> pages >> pages)) return std::nullopt;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

bool may_have_running_children(pid_t pid) {
  std::ifstream list(fmt::format("/proc/{}/task/{}/children", pid, pid));
  if (!list) return true;
  unsigned looked_at = 0;
  for (pid_t child = 0; list >> child;)
    if (may_run(child) || ++looked_at == children_looked_at_max) return true;
  return false;
}

}  // namespace cgisrv::process
