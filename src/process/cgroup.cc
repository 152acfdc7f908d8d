#include "process/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <mntent.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

namespace cgisrv::process {

namespace {

// The mount of version 2: /sys/fs/cgroup, or a folder of it beside version 1.
std::string mount_point() {
  const std::unique_ptr<FILE, decltype(&::endmntent)> mounts(::setmntent("/proc/self/mounts", "r"),
                                                             &::endmntent);
  while (const mntent* const entry = mounts ? ::getmntent(mounts.get()) : nullptr)
    if (std::string_view(entry->mnt_type) == "cgroup2") return entry->mnt_dir;
  return {};
}

// "0::/system.slice/cgisrv.service"; also of an ended process that is not reaped yet.
std::string path_of(std::string_view pid) {
  std::ifstream file(fmt::format("/proc/{}/cgroup", pid));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return line.substr(3);
  return {};
}

bool write_to(const std::string& path, std::string_view text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) >= 0;
}

}  // namespace

std::string own_cgroup() {
  const std::string mount = mount_point();
  const std::string path = path_of("self");
  if (mount.empty() || path.empty()) return {};
  return path == "/" ? mount : mount + path;
}

// ---- Cgroup ------------------------------------------------------------------------------------

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  if (this == &other) return *this;
  release();
  owner_ = std::exchange(other.owner_, nullptr);
  name_ = std::move(other.name_);
  members_ = std::move(other.members_);
  return *this;
}

void Cgroup::kill() const {
  if (owner_ != nullptr) write_to(name_ + "/cgroup.kill", "1");
}

// A group that is not empty cannot be removed yet: killed processes take a moment to end, and a
// process that a program left behind on purpose may stay long.
void Cgroup::release() {
  Cgroups* const owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  members_.reset();
  if (::rmdir(name_.c_str()) != 0 && errno == EBUSY) owner->left_.push_back(std::move(name_));
}

// ---- Cgroups -----------------------------------------------------------------------------------

Result<Cgroups> Cgroups::prepare(const std::string& user) {
  const std::string own = own_cgroup();
  if (own.empty())
    return fail("cgroups = true needs cgroups of version 2, which are not mounted here");
  const std::string folder = fmt::format("{}/cgisrv-{}", own, ::getpid());
  for (const std::string& path : {folder, folder + "/workers"})
    if (::mkdir(path.c_str(), 0755) != 0)
      return fail_errno(errno,
                        "cgroups = true needs a cgroup that may be written to (as root, or under "
                        "systemd with Delegate=yes and ProtectControlGroups=no): making {}",
                        path);
  // Moving a process takes write permission where both groups meet.
  const passwd* const account = user.empty() ? nullptr : ::getpwnam(user.c_str());
  const uid_t owner = account == nullptr ? ::geteuid() : account->pw_uid;
  for (const std::string& path : {folder, folder + "/cgroup.procs"})
    if (::chown(path.c_str(), owner, static_cast<gid_t>(-1)) != 0)
      return fail_errno(
          errno,
          "cgroups = true: giving {} to the user of workers (under systemd that needs "
          "CapabilityBoundingSet=CAP_CHOWN)",
          path);
  return Cgroups(folder);
}

Result<void> Cgroups::enter() {
  if (write_to(folder_ + "/workers/cgroup.procs", "0")) return {};
  return fail_errno(errno, "entering {}/workers", folder_);
}

Result<Cgroup> Cgroups::make() {
  sweep();
  std::string name = fmt::format("{}/{}-{}", folder_, ::getpid(), count_++);
  if (::mkdir(name.c_str(), 0755) != 0) return fail_errno(errno, "making the cgroup {}", name);
  Fd members(::open((name + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (members) return Cgroup(*this, std::move(name), std::move(members));
  const int code = errno;
  ::rmdir(name.c_str());
  return fail_errno(code, "opening the cgroup {}", name);
}

// The oldest two each time: there are never many more groups than processes left in them.
void Cgroups::sweep() {
  for (int i = 0; i < 2 && !left_.empty(); ++i) {
    std::string name = std::move(left_.front());
    left_.pop_front();
    if (::rmdir(name.c_str()) != 0 && errno == EBUSY) left_.push_back(std::move(name));
  }
}

// Of the program's path, only the name of one of our groups is trusted.
void Cgroups::kill_group_of(pid_t program) const {
  const std::filesystem::path path = path_of(fmt::to_string(program));
  if (path.parent_path().filename() != std::filesystem::path(folder_).filename()) return;
  if (path.filename() == "workers") return;
  write_to(fmt::format("{}/{}/cgroup.kill", folder_, path.filename().string()), "1");
}

void Cgroups::remove_of_the_dead() const {
  remove_if([](const std::string& name) {
    pid_t worker = 0;
    std::from_chars(name.data(), name.data() + name.size(), worker);
    return worker > 0 && ::kill(worker, 0) != 0 && errno == ESRCH;
  });
}

void Cgroups::remove() {
  remove_if([](const std::string&) { return true; });
  ::rmdir(folder_.c_str());
}

void Cgroups::remove_if(const std::function<bool(const std::string& name)>& may_go) const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored))
    if (entry.is_directory(ignored) && may_go(entry.path().filename().string()))
      ::rmdir(entry.path().c_str());
}

}  // namespace cgisrv::process
