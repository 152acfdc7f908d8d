#include "cgi/start.h"

namespace cgisrv::cgi {

ProgramStart::ProgramStart(const Script& script, const Options& options,
                           process::PidTable& pid_table, warm::Zygotes* zygotes, Callback decided)
    : script_(script),
      options_(options),
      pid_table_(pid_table),
      zygotes_(zygotes),
      decided_(decided) {}

bool ProgramStart::open_pipes(bool streams) {
  auto out = open_pipe(false);
  auto err = open_pipe(false);
  auto in = streams ? open_pipe(true) : std::nullopt;
  if (!out || !err || (streams && !in)) return false;
  output = std::move(out->ours);
  their_output_ = std::move(out->theirs);
  error = std::move(err->ours);
  their_error_ = std::move(err->theirs);
  if (!in) return true;
  body = std::move(in->ours);
  their_body_ = std::move(in->theirs);
  return true;
}

void ProgramStart::begin(Environment environment, int input, rlimit descriptors,
                         process::Cgroups* cgroups) {
  environment_ = std::move(environment);
  input_ = their_body_ ? their_body_.get() : input;
  descriptors_ = descriptors;
  cgroups_ = cgroups;
  if (!options_.warm.enabled) return start_cold();
  why_cold_ = ask(cgroups);
  if (!why_cold_.empty()) start_cold();
}

// Why it must be started cold; empty: a zygote has been asked.
std::string_view ProgramStart::ask(process::Cgroups* cgroups) {
  if (zygotes_ == nullptr) return "no-zygotes";
  // A zygote is booted by its path, and never gains privileges.
  if (script_.links != Links::follow) return "symlinks";
  if (options_.allow_setuid) return "allow_setuid";
  if (cgroups != nullptr) {
    auto made = cgroups->make();
    if (!made) return "cgroup";
    cgroup_ = std::move(*made);
  }
  const auto limits = limits_of(options_.rlimits, descriptors_);
  const std::string directory = folder_of(script_);
  const warm::ZygoteKey key{options_.location, script_.filename, zygotes_->number(options_.warm)};
  pending_fork_ =
      std::make_unique<warm::PendingFork>(*zygotes_, Callback::of<&ProgramStart::on_forked>(*this));
  return pending_fork_->ask({.key = key,
                             .directory = directory,
                             .environment = {environment_.envp(), environment_.size()},
                             .limits = limits,
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
  cgroup_ = {};
  result = launch({.script = script_,
                   .options = options_,
                   .environment = environment_,
                   .stdin_fd = input_,
                   .stdout_fd = their_output_.get(),
                   .stderr_fd = their_error_.get(),
                   .descriptors = descriptors_,
                   .cgroups = cgroups_},
                  pid_table_);
  decided_();
}

void ProgramStart::release() {
  their_output_.reset();
  their_error_.reset();
  their_body_.reset();
  environment_ = {};
}

}  // namespace cgisrv::cgi
