#include "process/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace cgisrv::process {

namespace {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  bool ours = false;  // nothing is to be done
};

Result<Identity> find_identity(const std::string& user, const std::string& group) {
  const passwd* const entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return fail("there is no user named {}", user);
  Identity identity{entry->pw_uid, entry->pw_gid, false};
  if (!group.empty()) {
    const ::group* const found = ::getgrnam(group.c_str());
    if (found == nullptr) return fail("there is no group named {}", group);
    identity.gid = found->gr_gid;
  }
  identity.ours = ::geteuid() == identity.uid && ::getegid() == identity.gid;
  if (!identity.ours && ::geteuid() != 0)
    return fail("only root can become user {}; start as root or remove 'user'", user);
  return identity;
}

}  // namespace

Result<void> may_become_user(const std::string& user, const std::string& group) {
  const auto identity = find_identity(user, group);
  if (!identity) return std::unexpected(identity.error());
  return {};
}

Result<void> become_user(const std::string& user, const std::string& group) {
  const auto identity = find_identity(user, group);
  if (!identity) return std::unexpected(identity.error());
  if (identity->ours) return {};
  const auto [uid, gid, ours] = *identity;
  if (::initgroups(user.c_str(), gid) != 0)
    return fail_errno(errno, "setting the groups of {}", user);
  if (::setresgid(gid, gid, gid) != 0) return fail_errno(errno, "becoming group {}", gid);
  if (::setresuid(uid, uid, uid) != 0) return fail_errno(errno, "becoming user {}", user);
  return {};
}

Result<void> clean_inheritance() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) != fd) return fail_errno(errno, "opening /dev/null");
  }
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    return fail_errno(errno, "marking inherited descriptors");
  ::umask(022);
  return {};
}

rlimit raise_descriptor_limit(rlim_t wanted) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit raised = before;
  raised.rlim_cur = std::max(before.rlim_cur, std::min(wanted, before.rlim_max));
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

}  // namespace cgisrv::process
