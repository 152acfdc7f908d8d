#include "config/socket_rights.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgi/umask.h"
#include "config/listener_options.h"
#include "config/server_options.h"

namespace cgisrv::config {

namespace {

constexpr auto unchanged = net::SocketRights::unchanged;

gid_t group_named(const std::string& name) {
  const ::group* const entry = ::getgrnam(name.c_str());
  return entry != nullptr ? entry->gr_gid : unchanged;
}

const passwd* user_named(const std::string& name) {
  return name.empty() ? nullptr : ::getpwnam(name.c_str());
}

// That of the processes which serve; without root's rights it is that of the file anyway.
gid_t group_of(const ServerOptions& server) {
  if (::geteuid() != 0) return unchanged;
  if (!server.group.empty()) return group_named(server.group);
  const passwd* const entry = user_named(server.user);
  return entry != nullptr ? entry->pw_gid : unchanged;
}

}  // namespace

net::SocketRights socket_rights(const ListenerOptions& listen, const ServerOptions& server) {
  net::SocketRights rights{.mode = listen.is_gateway() ? 0660U : 0666U};
  if (const auto mode = cgi::parse_umask(listen.mode)) rights.mode = *mode;  // the same notation
  if (const passwd* const entry = user_named(listen.owner)) rights.owner = entry->pw_uid;
  if (!listen.group.empty())
    rights.group = group_named(listen.group);
  else if ((rights.mode & S_IWOTH) == 0)
    rights.group = group_of(server);
  return rights;
}

}  // namespace cgisrv::config
