#include "warm/boot.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "base/packet.h"
#include "base/shortage.h"
#include "process/oom_score.h"
#include "process/spawn.h"
#include "warm/stamp.h"
#include "warm/wire.h"

namespace cgisrv::warm {

namespace {

// The child's descriptors, in the order of `numbers`.
constexpr std::array numbers = {0, 1, 2, channel_fd, slate_fd};
using Descriptors = std::array<Fd, numbers.size()>;

// The program may have written anything into it; some thousand paths would be many.
constexpr off_t slate_bytes_max = off_t{4} << 20;

// An input of one byte, without a writer: if it is gone, the program has read its standard input.
Fd untouched_input() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Fd();
  Fd reading(ends[0]);
  const Fd writing(ends[1]);
  return ::write(writing.get(), "?", 1) == 1 ? std::move(reading) : Fd();
}

Fd memory_file(const char* name) {
  return Fd(::memfd_create(name, MFD_CLOEXEC));
}

// In the child: moves its descriptors to their numbers, whatever their present numbers.
bool place(const Descriptors& descriptors) {
  std::array<int, numbers.size()> high{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    high[i] = ::fcntl(descriptors[i].get(), F_DUPFD_CLOEXEC, slate_fd + 1);
    if (high[i] < 0) return false;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (::dup2(high[i], numbers[i]) < 0) return false;
  return true;
}

[[noreturn]] void become(const Recipe& recipe, const std::string& directory, const rlimit& limit,
                         const Descriptors& descriptors, pid_t manager, ZygoteTable::Slot* slot) {
  if (slot != nullptr) slot->pid = ::getpid();  // our manager may be dead by now
  std::vector<std::string> arguments = recipe.argv;
  std::vector<std::string> variables = recipe.environment;
  variables.push_back(fmt::format("CGISRV_WARM_CHANNEL={}", channel_fd));
  variables.push_back(fmt::format("CGISRV_WARM_SLATE={}", slate_fd));
  variables.push_back(fmt::format("CGISRV_WARM_MANAGER={}", manager));
  ::setsid();
  if (recipe.umask >= 0) ::umask(static_cast<mode_t>(recipe.umask));
  sigset_t none;
  sigemptyset(&none);
  const bool is_placed = place(descriptors);
  if (is_placed && ::chdir(directory.c_str()) == 0 && ::setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
      // A stopped zygote would not see its manager's death, and would outlive everything.
      ::prctl(PR_SET_PDEATHSIG, SIGCONT) == 0 && ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0)
    ::execve(recipe.executable.c_str(), process::pointers(arguments).data(),
             process::pointers(variables).data());
  const int why = errno;
  if (!is_placed && why == EINVAL)  // fcntl(2): a number that the limit does not allow
    ::dprintf(descriptors[2].get(),
              "a zygote has descriptors up to %d, and the limit of open files ends below: raise it "
              "(ulimit -n, LimitNOFILE=)\n",
              slate_fd + static_cast<int>(numbers.size()));
  else
    ::dprintf(descriptors[2].get(), "executing it: %s\n", errno_text(why).c_str());
  ::_exit(is_shortage(why) ? boot_status_shortage : 127);
}

}  // namespace

Result<Boot> boot(const Recipe& recipe, const std::string& directory, const rlimit& descriptors,
                  ZygoteTable::Slot* slot) {
  auto channel = open_pair();
  Descriptors theirs = {untouched_input(), memory_file("stdout"), memory_file("stderr"), Fd(),
                        memory_file("slate")};
  Boot made{.began_ns = time_of_changes_ns(),
            .executable = recipe.executable,
            .slate = Fd(::fcntl(theirs[4].get(), F_DUPFD_CLOEXEC, 3)),
            .error = Fd(::fcntl(theirs[2].get(), F_DUPFD_CLOEXEC, 3))};
  if (channel && name_senders(channel->first.get())) {
    made.channel = std::move(channel->first);
    theirs[3] = std::move(channel->second);
  }
  const bool all = made.slate && made.error &&
                   std::ranges::all_of(theirs, [](const Fd& fd) { return bool(fd); });
  if (!all) return fail_errno(errno, "opening what it needs");
  const pid_t manager = ::getpid();
  const process::ProgramsOomScore score;
  made.pid = ::fork();
  if (made.pid == 0) become(recipe, directory, descriptors, theirs, manager, slot);
  if (made.pid < 0) return fail_errno(errno, "making a process");
  if (slot != nullptr) slot->pid = made.pid;
  return made;
}

std::vector<std::string> files_of(int slate) {
  std::vector<std::string> found;
  std::string bytes;
  struct stat status {};
  if (::fstat(slate, &status) != 0) return found;
  if (status.st_size > slate_bytes_max) return found;
  bytes.resize(static_cast<std::size_t>(status.st_size));
  const ssize_t got = ::pread(slate, bytes.data(), bytes.size(), 0);
  std::string_view rest(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  for (auto end = rest.find('\0'); end != rest.npos; end = rest.find('\0')) {
    found.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

std::string telling_line(int memory_file) {
  std::array<char, 8192> bytes{};
  const auto read_at = [&](off_t offset) {
    const ssize_t got = ::pread(memory_file, bytes.data(), bytes.size(), offset);
    return std::string_view(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  };
  std::string_view text = read_at(0);
  if (!text.starts_with("Traceback ")) return std::string(text.substr(0, text.find('\n')));
  struct stat status {};
  ::fstat(memory_file, &status);
  text = read_at(std::max<off_t>(0, status.st_size - static_cast<off_t>(bytes.size())));
  text = text.substr(0, text.find_last_not_of('\n') + 1);
  return std::string(text.substr(text.rfind('\n') + 1));
}

}  // namespace cgisrv::warm
