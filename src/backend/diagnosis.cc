#include "backend/diagnosis.h"

#include <cgisrv/fd.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/result.h"
#include "base/shortage.h"
#include "net/address.h"
#include "process/privileges.h"

namespace cgisrv::backend {

namespace {

constexpr std::string_view unix_form = "unix:";

bool is_unix(const Target& target) {
  return target.address.starts_with(unix_form);
}

std::string whose(const Target& target) {
  return fmt::format("the {} server {}", name_of(target.protocol), target.address);
}

// A host may have moved: its name is looked up once.
std::string if_it_has_moved(const Target& target) {
  if (target.looked_up.empty()) return {};
  return fmt::format(
      "; that name was {} when the configuration was read: if that has changed, run "
      "cgisrv reload",
      fmt::join(target.looked_up, " and "));
}

// "systemctl status php8.2-fpm" is for whoever has php-fpm, as most have.
std::string_view start_it(const Target& target) {
  return target.protocol == Protocol::fastcgi
             ? "start it (php-fpm: systemctl start php8.2-fpm; its address is `listen` in its pool)"
             : "start it";
}

Diagnosis refused(const Target& target) {
  return {.sentence = fmt::format("{} does not run: nobody listens there{}; {}{}", whose(target),
                                  is_unix(target) ? ", though the socket is left" : "",
                                  start_it(target), if_it_has_moved(target))};
}

// One that is silent may be slow, or behind a firewall for us alone.
bool refuses(const std::string& configured) {
  constexpr int patience_ms = 1000;
  const auto address = net::parse_address(configured);
  if (!address) return false;
  const Fd socket(::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), address->data(), address->size()) == 0) return false;
  int error = errno;
  pollfd waiting{socket.get(), POLLOUT, 0};
  if (error == EINPROGRESS && ::poll(&waiting, 1, patience_ms) == 1) {
    socklen_t size = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  return error == ECONNREFUSED;
}

}  // namespace

Diagnosis diagnose_connection(const Target& target, int error, std::string_view user) {
  switch (error) {
    case ENOENT:
      return {.sentence = fmt::format("{} does not run, or listens elsewhere: there is no such "
                                      "socket; {}",
                                      whose(target), start_it(target))};
    case ECONNREFUSED:
      return refused(target);
    case ENOTSOCK:
      return {.sentence = fmt::format("{} cannot be: that file is no socket", whose(target))};
    case EACCES:
      return {.sentence = fmt::format(
                  "user {} may not connect to {}; let it (php-fpm: listen.owner, listen.group and "
                  "listen.mode in its pool), or run cgisrv as that group",
                  user, whose(target))};
    case EAGAIN:
      return {503,
              fmt::format("{} is busy: for 5 s no place was free in its backlog; let it run "
                          "more at a time (php-fpm: pm.max_children), or lower max_running, so "
                          "that requests wait here",
                          whose(target))};
    case ETIMEDOUT:
      return {504, fmt::format("{} did not take a connection within 5 s; is it the right address, "
                               "and does a firewall let it through?{}",
                               whose(target), if_it_has_moved(target))};
    case EMFILE:
    case ENFILE:
      return {503, fmt::format("no socket for {}: {}; raise the limit of open files", whose(target),
                               errno_text(error))};
    default:
      return {is_shortage(error) ? 503 : 502,
              fmt::format("no connection to {}: {}{}", whose(target), errno_text(error),
                          if_it_has_moved(target))};
  }
}

int foresee_connection(const Target& target, const std::string& user, const std::string& group) {
  if (!is_unix(target)) return std::ranges::all_of(target.addresses(), refuses) ? ECONNREFUSED : 0;
  const std::filesystem::path path(target.address.substr(unix_form.size()));
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno == EACCES ? EACCES : ENOENT;
  if (!S_ISSOCK(status.st_mode)) return ENOTSOCK;
  if (!process::may(S_IWOTH, user, group, status)) return EACCES;
  for (auto folder = path.parent_path(); folder.has_relative_path(); folder = folder.parent_path())
    if (::stat(folder.c_str(), &status) == 0 && !process::may(S_IXOTH, user, group, status))
      return EACCES;
  return 0;
}

std::string explain_refusal(std::string_view said, const std::string& filename) {
  if (said.starts_with("Primary script unknown"))
    return "php-fpm does not find it, though it is there: php-fpm runs as another user, who may "
           "not enter a folder on the way or read the file, or it has a root of its own (chroot), "
           "or runs on another machine";
  if (said.starts_with("Access to the script") && said.contains("security.limit_extensions"))
    return fmt::format(
        "php-fpm runs no file with such a name; match only *.php, or name the ending "
        "of {} in security.limit_extensions of its pool",
        filename);
  return {};
}

}  // namespace cgisrv::backend
