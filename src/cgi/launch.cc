#include "cgi/launch.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "cgi/umask.h"

namespace cgisrv::cgi {

namespace {

// At the soft limit the kernel sends SIGXCPU, at the hard one SIGKILL, which explains nothing. So
// the hard limit is a little higher where possible.
rlimit processor_time(rlim_t seconds) {
  constexpr rlim_t until_kill = 2;
  rlimit now{};
  ::getrlimit(RLIMIT_CPU, &now);
  const rlim_t most = std::max(seconds, now.rlim_max);
  return {seconds, seconds > most - until_kill ? most : seconds + until_kill};
}

}  // namespace

std::vector<process::ResourceLimit> limits_of(const ResourceLimits& limits,
                                              const rlimit& descriptors) {
  std::vector<process::ResourceLimit> result = {{RLIMIT_NOFILE, descriptors}};
  const auto add = [&](int resource, const std::optional<std::uint64_t>& value) {
    if (value) result.push_back({resource, {*value, *value}});
  };
  if (limits.cpu_seconds) result.push_back({RLIMIT_CPU, processor_time(*limits.cpu_seconds)});
  add(RLIMIT_AS, limits.address_space);
  add(RLIMIT_NOFILE, limits.open_files);
  add(RLIMIT_NPROC, limits.processes);
  add(RLIMIT_FSIZE, limits.file_size);
  add(RLIMIT_CORE, limits.core);
  return result;
}

std::string folder_of(const Script& script) {
  return script.filename.substr(0, script.filename.rfind('/') + 1);
}

std::optional<Pipe> open_pipe(bool we_write) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  Pipe pipe{Fd(ends[we_write ? 1 : 0]), Fd(ends[we_write ? 0 : 1])};
  if (::fcntl(pipe.ours.get(), F_SETFL, O_NONBLOCK) != 0) return std::nullopt;
  return pipe;
}

std::expected<process::Child, process::SpawnFailure> launch(const Launch& launch,
                                                            process::PidTable& pid_table) {
  process::PidSlotOwner pid_slot = pid_table.claim();
  if (!pid_slot) return std::unexpected(process::SpawnFailure{process::SpawnStep::clone, EAGAIN});
  const Script& script = launch.script;
  const bool interpreted = !script.interpreter.empty();
  Tree::ResolvedName file;
  if (script.links != Links::follow && !interpreted) {
    auto found = Tree{script.tree, script.links}.resolve(script.filename);
    if (!found)
      return std::unexpected(process::SpawnFailure{process::SpawnStep::exec, found.error().code});
    file = std::move(*found);
    file.name.insert(0, "./");
  }
  const char* const program = interpreted ? script.interpreter.c_str() : script.filename.c_str();
  const std::array<char*, 3> argv = {
      const_cast<char*>(program),
      interpreted ? const_cast<char*>(script.filename.c_str()) : nullptr, nullptr};
  const std::string directory = folder_of(script);
  const auto limits = limits_of(launch.options.rlimits, launch.descriptors);
  process::Cgroup cgroup;
  if (launch.cgroups != nullptr) {
    auto made = launch.cgroups->make();
    if (!made)
      return std::unexpected(process::SpawnFailure{process::SpawnStep::cgroup, made.error().code});
    cgroup = std::move(*made);
  }
  auto child = process::spawn({.path = file.directory ? file.name.c_str() : program,
                               .argv = argv.data(),
                               .envp = launch.environment.envp(),
                               .directory = directory.c_str(),
                               .stdin_fd = launch.stdin_fd,
                               .stdout_fd = launch.stdout_fd,
                               .stderr_fd = launch.stderr_fd,
                               .limits = limits,
                               .gains_privileges = launch.options.allow_setuid,
                               .cgroup_fd = cgroup.members(),
                               .umask = umask_or_none(launch.options.umask),
                               .directory_fd = file.directory.get()},
                              std::move(pid_slot));
  if (child) child->confine(std::move(cgroup));
  return child;
}

}  // namespace cgisrv::cgi
