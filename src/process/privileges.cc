#include "process/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace cgisrv::process {

namespace {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
};

Result<Identity> find_identity(const std::string& user, const std::string& group) {
  const passwd* const entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return fail("there is no user named {}", user);
  Identity identity{entry->pw_uid, entry->pw_gid};
  if (!group.empty()) {
    const ::group* const found = ::getgrnam(group.c_str());
    if (found == nullptr) return fail("there is no group named {}", group);
    identity.gid = found->gr_gid;
  }
  const bool is_us = ::geteuid() == identity.uid && ::getegid() == identity.gid;
  if (!is_us && ::geteuid() != 0)
    return fail("only root can become user {}; start as root or remove 'user'", user);
  return identity;
}

Result<void> become(const Identity& identity, const std::string& user) {
  if (::geteuid() != 0) return {};  // we are that user already
  if (::initgroups(user.c_str(), identity.gid) != 0)
    return fail_errno(errno, "setting the groups of {}", user);
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0)
    return fail_errno(errno, "becoming group {}", identity.gid);
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0)
    return fail_errno(errno, "becoming user {}", user);
  return {};
}

// Needs CAP_SETPCAP, which root may lack in a container: no_new_privs makes up for it.
void empty_bounding_set() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability)
    ::prctl(PR_CAPBSET_DROP, capability);
}

// Becoming a user clears all sets except the inheritable one; a service manager may have set any.
Result<void> drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::syscall(SYS_capset, &header, none.data()) != 0)
    return fail_errno(errno, "giving up capabilities");
  return {};
}

}  // namespace

Result<void> may_become_user(const std::string& user, const std::string& group) {
  const auto identity = find_identity(user, group);
  if (!identity) return std::unexpected(identity.error());
  return {};
}

bool may(mode_t right, const std::string& user, const std::string& group,
         const struct stat& status) {
  constexpr unsigned as_group = 3;  // bits to the left
  constexpr unsigned as_owner = 6;
  const auto identity = find_identity(user, group);
  if (!identity || identity->uid == 0) return true;
  if (status.st_uid == identity->uid) return (status.st_mode & (right << as_owner)) != 0;
  std::array<gid_t, 64> groups{};
  int count = groups.size();
  if (::getgrouplist(user.c_str(), identity->gid, groups.data(), &count) < 0)
    return true;  // too many to tell
  const auto end = groups.begin() + count;
  if (std::find(groups.begin(), end, status.st_gid) != end)
    return (status.st_mode & (right << as_group)) != 0;
  return (status.st_mode & right) != 0;
}

Result<void> drop_privileges(const Privileges& wanted) {
  Identity identity{::geteuid(), ::getegid()};
  if (!wanted.user.empty()) {
    const auto found = find_identity(wanted.user, wanted.group);
    if (!found) return std::unexpected(found.error());
    identity = *found;
  }
  const bool stays_root = identity.uid == 0;
  if (!stays_root && !wanted.setuid_programs) empty_bounding_set();
  if (!wanted.user.empty())
    if (auto became = become(identity, wanted.user); !became) return became;
  if (!stays_root)
    if (auto dropped = drop_capabilities(); !dropped) return dropped;
  if (!wanted.setuid_programs && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail_errno(errno, "setting no_new_privs");
  return {};
}

bool is_home(const std::string& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return false;
  const passwd* const owner = ::getpwuid(status.st_uid);
  return owner != nullptr && folder == owner->pw_dir;
}

const std::string& own_user_name() {
  static uid_t known = ::geteuid() + 1;
  static std::string name;
  if (known == ::geteuid()) return name;
  known = ::geteuid();
  const passwd* const entry = ::getpwuid(known);
  name = entry != nullptr ? entry->pw_name : std::to_string(known);
  return name;
}

std::string_view granted_by(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  if ((status.st_mode & S_ISUID) != 0) return "setuid";
  if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0) return "setgid";
  if (::getxattr(file.c_str(), "security.capability", nullptr, 0) > 0) return "given capabilities";
  return {};
}

void forbid_tracing() {
#ifndef __SANITIZE_ADDRESS__  // its leak checker traces us at our exit
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

Result<void> clean_inheritance() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) != fd) return fail_errno(errno, "opening /dev/null");
  }
  // Old kernels and some filters lack close_range; limits may be in the thousand millions.
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    for (int fd = 3; fd < 65536; ++fd)
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return {};
}

rlimit descriptor_limit() {
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  return now;
}

rlimit raise_descriptor_limit(rlim_t wanted) {
  const rlimit before = descriptor_limit();
  rlimit raised = before;
  raised.rlim_cur = std::max(before.rlim_cur, std::min(wanted, before.rlim_max));
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

}  // namespace cgisrv::process
