#include "cgi/start.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "cgi/umask.h"

namespace cgisrv::cgi {

namespace {

using process::SpawnFailure;
using process::SpawnStep;

// False, with errno set, when there is no descriptor left. Ours is non-blocking; theirs blocks, as
// programs expect.
bool open_pipe(Fd& ours, Fd& theirs, bool we_write) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  ours.reset(ends[we_write ? 1 : 0]);
  theirs.reset(ends[we_write ? 0 : 1]);
  return ::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0;
}

// At the soft limit the kernel sends SIGXCPU, at the hard one SIGKILL, which explains nothing. So
// the hard limit is a little higher where possible.
rlimit processor_time(rlim_t seconds) {
  constexpr rlim_t until_kill = 2;
  rlimit now{};
  ::getrlimit(RLIMIT_CPU, &now);
  const rlim_t most = std::max(seconds, now.rlim_max);
  return {seconds, seconds > most - until_kill ? most : seconds + until_kill};
}

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

}  // namespace

ProgramStart::ProgramStart(const Script& script, const Options& options,
                           process::PidTable& pid_table, warm::Zygotes* zygotes, Callback decided)
    : script_(script),
      options_(options),
      pid_table_(pid_table),
      zygotes_(zygotes),
      decided_(decided) {}

bool ProgramStart::open_pipes(bool streams) {
  return open_pipe(output, their_output_, false) && open_pipe(error, their_error_, false) &&
         (!streams || open_pipe(body, their_body_, true));
}

void ProgramStart::begin(Environment environment, int input, const rlimit& descriptors,
                         process::Cgroups* cgroups) {
  environment_ = std::move(environment);
  input_ = their_body_ ? their_body_.get() : input;
  directory_ = script_.added != nullptr && !script_.added->directory.empty()
                   ? script_.added->directory
                   : script_.filename.substr(0, script_.filename.rfind('/') + 1);
  limits_ = limits_of(options_.rlimits, descriptors);
  cgroups_ = cgroups;
  if (!options_.warm.enabled) return start_cold();
  why_cold_ = ask();
  if (!why_cold_.empty()) start_cold();
}

// Why it must be started cold; empty: a zygote has been asked.
std::string_view ProgramStart::ask() {
  if (zygotes_ == nullptr) return "no-zygotes";
  // A zygote is booted by its path, and never gains privileges.
  if (script_.links != Links::follow) return "symlinks";
  if (options_.allow_setuid) return "allow_setuid";
  if (script_.added != nullptr && script_.added->keeps_cold) return "variables";
  if (cgroups_ != nullptr) {
    auto made = cgroups_->make();
    if (!made) return "cgroup";
    cgroup_ = std::move(*made);
  }
  const warm::ZygoteKey key{options_.location, script_.filename, zygotes_->number(options_.warm)};
  pending_fork_ =
      std::make_unique<warm::PendingFork>(*zygotes_, Callback::of<&ProgramStart::on_forked>(*this));
  return pending_fork_->ask({.key = key,
                             .directory = directory_,
                             .environment = {environment_.envp(), environment_.size()},
                             .limits = limits_,
                             .stdin_fd = input_,
                             .stdout_fd = their_output_.get(),
                             .stderr_fd = their_error_.get(),
                             .cgroup_fd = cgroup_.members()});
}

void ProgramStart::on_forked() {
  if (pending_fork_->state() == warm::ForkState::begun) {
    warm_ = true;
    result = pending_fork_->take();
    result->confine(std::move(cgroup_));
    result->enlist(pid_table_.claim());
    return decided_();
  }
  if (pending_fork_->state() == warm::ForkState::lost) {
    lost_ = true;
    return decided_();
  }
  why_cold_ = "failed";
  start_cold();
}

void ProgramStart::start_cold() {
  result = spawn();
  decided_();
}

std::expected<process::Child, SpawnFailure> ProgramStart::spawn() {
  const auto failed = [](SpawnStep step, int code) {
    return std::unexpected(SpawnFailure{step, code});
  };
  process::PidSlotOwner pid_slot = pid_table_.claim();
  if (!pid_slot) return failed(SpawnStep::clone, EAGAIN);
  const bool interpreted = !script_.interpreter.empty();
  Tree::ResolvedName file;
  if (script_.links != Links::follow && !interpreted) {
    auto found = Tree{script_.tree, script_.links}.resolve(script_.filename);
    if (!found) return failed(SpawnStep::exec, found.error().code);
    file = std::move(*found);
    file.name.insert(0, "./");
  }
  const char* const program = interpreted ? script_.interpreter.c_str() : script_.filename.c_str();
  const std::array<char*, 3> argv = {
      const_cast<char*>(program),
      interpreted ? const_cast<char*>(script_.filename.c_str()) : nullptr, nullptr};
  cgroup_ = {};
  if (cgroups_ != nullptr) {
    auto made = cgroups_->make();
    if (!made) return failed(SpawnStep::cgroup, made.error().code);
    cgroup_ = std::move(*made);
  }
  auto child = process::spawn({.path = file.directory ? file.name.c_str() : program,
                               .argv = argv.data(),
                               .envp = environment_.envp(),
                               .directory = directory_.c_str(),
                               .stdin_fd = input_,
                               .stdout_fd = their_output_.get(),
                               .stderr_fd = their_error_.get(),
                               .limits = limits_,
                               .gains_privileges = options_.allow_setuid,
                               .cgroup_fd = cgroup_.members(),
                               .umask = umask_or_none(options_.umask),
                               .directory_fd = file.directory.get()},
                              std::move(pid_slot));
  if (child) child->confine(std::move(cgroup_));
  return child;
}

void ProgramStart::release() {
  their_output_.reset();
  their_error_.reset();
  their_body_.reset();
  environment_ = {};
}

}  // namespace cgisrv::cgi
