#include "cgi/start.h"

namespace cgisrv::cgi {

Start::Start(const Script& script, const Options& options, process::Roster& roster,
             warm::Zygotes* zygotes, Callback decided)
    : script_(script), options_(options), roster_(roster), zygotes_(zygotes), decided_(decided) {}

bool Start::open_pipes(bool streams) {
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

void Start::begin(Environment environment, int input, rlimit descriptors,
                  process::Cgroups* cgroups) {
  environment_ = std::move(environment);
  input_ = their_body_ ? their_body_.get() : input;
  descriptors_ = descriptors;
  cgroups_ = cgroups;
  if (!options_.warm.enabled) return start_plainly();
  why_cold_ = ask(cgroups);
  if (!why_cold_.empty()) start_plainly();
}

// Why it has to be started plainly; empty: a zygote has been asked.
std::string_view Start::ask(process::Cgroups* cgroups) {
  if (zygotes_ == nullptr) return "no-keeper";
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
  const warm::Subject subject{options_.location, script_.filename, zygotes_->number(options_.warm)};
  birth_ = std::make_unique<warm::Birth>(*zygotes_, Callback::of<&Start::born>(*this));
  return birth_->ask({.subject = subject,
                      .directory = directory,
                      .environment = {environment_.envp(), environment_.size()},
                      .limits = limits,
                      .stdin_fd = input_,
                      .stdout_fd = their_output_.get(),
                      .stderr_fd = their_error_.get(),
                      .cgroup_fd = cgroup_.members()});
}

void Start::born(std::uint32_t) {
  if (birth_->state() == warm::State::begun) {
    warm_ = true;
    result = birth_->take();
    result->confine(std::move(cgroup_));
    result->enlist(roster_.claim());
    return decided_(0);
  }
  if (birth_->state() == warm::State::lost) {
    lost_ = true;
    return decided_(0);
  }
  why_cold_ = "failed";
  start_plainly();
}

void Start::start_plainly() {
  cgroup_ = {};
  result = launch({.script = script_,
                   .options = options_,
                   .environment = environment_,
                   .stdin_fd = input_,
                   .stdout_fd = their_output_.get(),
                   .stderr_fd = their_error_.get(),
                   .descriptors = descriptors_,
                   .cgroups = cgroups_},
                  roster_);
  decided_(0);
}

void Start::release() {
  their_output_.reset();
  their_error_.reset();
  their_body_.reset();
  environment_ = {};
}

}  // namespace cgisrv::cgi
