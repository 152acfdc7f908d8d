#include "exec/resolved_request.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <vector>

#include "access/peer.h"
#include "base/text.h"
#include "cgi/permissions.h"
#include "http/target.h"
#include "site/mapping.h"
#include "site/named_program.h"
#include "site/router.h"
#include "site/sent_programs.h"

namespace cgisrv::exec {

namespace {

// The configuration of exec has no rules of access: see run().
const access::Peer no_visitor;

namespace fs = std::filesystem;
using config::Config;
using config::Location;
using config::Site;
using site::Located;

// The user's wishes for the request.
struct Wanted {
  std::string host;   // empty: not given
  std::string path;   // empty: to be found
  std::string query;  // with its question mark
};

Wanted take_apart(std::string_view url) {
  Wanted wanted;
  constexpr std::string_view scheme = "http://";
  if (url.starts_with(scheme)) {
    url.remove_prefix(scheme.size());
    const auto end = std::min(url.find_first_of("/?"), url.size());
    wanted.host = url.substr(0, end);
    url.remove_prefix(end);
  }
  const auto query = std::min(url.find('?'), url.size());
  wanted.path = url.substr(0, query);
  wanted.query = url.substr(query);
  return wanted;
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat one {};
  struct stat other {};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool is_executable(const std::string& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && (status.st_mode & 0111) != 0;
}

// A URL stands where the program's file should: what to write instead; empty: no URL does.
std::string why_no_file(const std::string& script) {
  const auto scheme = script.find("://");
  if (scheme == std::string::npos && !script.starts_with('/')) return {};
  std::string_view path = script;
  if (scheme != std::string::npos)
    path.remove_prefix(std::min(path.find('/', scheme + 3), path.size()));
  path = path.substr(0, path.find('?'));
  if (path.starts_with('/')) path.remove_prefix(1);
  struct stat status {};
  const bool is_here = ::stat(std::string(path).c_str(), &status) == 0 && S_ISREG(status.st_mode);
  if (!is_here && scheme == std::string::npos) return {};
  return fmt::format(
      "{} is {}; give the file first: cgisrv exec {}", text::printable(script, 200),
      scheme == std::string::npos ? "no file, but may be the path of a URL" : "a URL",
      is_here ? text::printable(text::shell_word(path), 200) : "FILE URL");
}

// In the form of configured paths: absolute, with real directories; the file itself may be a link.
Result<fs::path> absolute_script(const std::string& script) {
  struct stat status {};
  if (::stat(script.c_str(), &status) != 0) {
    const int code = errno;
    if (auto why = why_no_file(script); !why.empty()) return fail_as(EINVAL, "{}", why);
    return code == EACCES ? fail("{}", cgi::why_unreachable(fs::absolute(script)))
                          : fail_errno(code, "{}", script);
  }
  if (S_ISDIR(status.st_mode)) return fail_as(ENOENT, "{} is a directory, not a program", script);
  std::error_code error;
  const fs::path path = fs::absolute(script);
  const fs::path directory = fs::canonical(path.parent_path(), error);
  if (error) return fail_errno(error.value(), "{}", script);
  return directory / path.filename();
}

// The path of `file` below `directory`, with its slash; nothing if it is not below.
std::optional<std::string> below(const std::string& directory, const std::string& file) {
  if (!file.starts_with(directory + "/")) return std::nullopt;
  return file.substr(directory.size());
}

enum class Fit : std::uint8_t { elsewhere, refused, runs };

// Where the decoded `path` leads.
Fit fit(const Config& config, const Site& site, const std::string& path,
        const std::string& script) {
  const Located located = site::locate(config, site, {path, path.size()}, no_visitor);
  if (located.kind == Located::Kind::error) return Fit::refused;
  const bool runs =
      located.kind == Located::Kind::program && same_file(located.script.filename, script);
  return runs ? Fit::runs : Fit::elsewhere;
}

// Decoded paths that may lead to the script by this location.
std::vector<std::string> candidates(const Site& site, const Location& location,
                                    const std::string& script) {
  std::vector<std::string> paths;
  const auto add = [&](const std::optional<std::string>& path) {
    if (path) paths.push_back(*path);
  };
  switch (location.program) {
    case config::ProgramKind::none:
      break;
    case config::ProgramKind::in_place:
      site::any_path_to(site, site.root, script, [&](std::string path) {
        add(std::move(path));
        return false;
      });
      break;
    case config::ProgramKind::directory:
      if (const auto rest = below(location.path, script))
        add(location.match.text + rest->substr(1));
      break;
    case config::ProgramKind::single:
      if (same_file(location.path, script) && location.match.text.starts_with('/'))
        add(location.match.text);
      break;
  }
  return paths;
}

// A host name that this site answers; nothing if other sites have all of its names.
std::optional<std::string> host_of(const Config& config, const Site& site,
                                   const std::string& address) {
  if (&site == &site::find_site(config, address)) return address;
  for (std::string name : site.server_name) {
    if (name.starts_with("*.")) name.replace(0, 1, "www");
    if (&site == &site::find_site(config, name)) return name;
  }
  return std::nullopt;
}

// Where a client on this machine would connect. If any free port is used, all are equal.
net::Address address_of(const Config& config) {
  const auto usual = *net::parse_address("127.0.0.1:8888");
  if (config.listen.empty()) return usual;
  const auto address = net::parse_address(config.listen.front().address);
  if (!address || (address->port() == 0 && !address->is_unix())) return usual;
  if (!address->every_interface()) return *address;
  return *net::parse_address(fmt::format("127.0.0.1:{}", address->port()));
}

std::string host_at(const net::Address& address) {
  return address.is_unix() ? "localhost" : address.text();
}

std::string bare(std::string_view host) {
  const auto authority = http::parse_authority(host);
  return std::string(authority ? authority->host : host);
}

// Adds the listener's port to a name, unless it is the default.
std::string with_port(const std::string& name, const std::string& listening) {
  const auto authority = http::parse_authority(listening);
  const auto port = authority ? authority->port : std::nullopt;
  return port && *port != 80 ? fmt::format("{}:{}", name, *port) : name;
}

struct Found {
  Fit fit = Fit::elsewhere;
  std::string host;
  std::string path;  // encoded
};

// The first address that runs it, else the first where it is refused.
Found search(const Config& config, const Wanted& wanted, const std::string& script) {
  const std::string listening = host_at(address_of(config));
  Found best;
  for (const Site& site : config.sites) {
    const auto name = host_of(config, site, bare(listening));
    if (!name) continue;
    if (!wanted.host.empty() && &site != &site::find_site(config, bare(wanted.host))) continue;
    const std::string host = wanted.host.empty() ? with_port(*name, listening) : wanted.host;
    for (const Location& location : site.locations) {
      for (const std::string& path : candidates(site, location, script)) {
        const Fit found = fit(config, site, path, script);
        if (found > best.fit) best = {found, host, http::encode_path(path)};
      }
    }
  }
  return best;
}

// Where the requested path leads at this host; an error if that is not the script.
Result<Found> check_at(const std::string& host, const Config& config, const Wanted& wanted,
                       const std::string& script) {
  Found refused{Fit::refused, host, wanted.path};
  const auto path = http::decode_path(wanted.path);
  if (!path) return refused;  // in the server's words
  const Site& site = site::find_site(config, bare(host));
  const Located located = site::locate(config, site, *path, no_visitor);
  if (located.kind == Located::Kind::program && same_file(located.script.filename, script))
    return Found{Fit::runs, host, wanted.path};
  if (located.kind == Located::Kind::error) return refused;
  if (located.kind == Located::Kind::file && same_file(located.file, script))
    return fail_as(ENOENT, "{} would be sent as a file: {}", wanted.path,
                   site::why_sent(config, site, *located.location, is_executable(script)));
  const std::string leads_to = located.kind == Located::Kind::program ? located.script.filename
                               : !located.redirect.empty() ? "a redirect to " + located.redirect
                                                           : located.file;
  return fail_as(EINVAL, "{} does not lead to {}, but to {}", wanted.path, script, leads_to);
}

// With a path, only the site is missing, unless a host is given.
Result<Found> check(const Config& config, const Wanted& wanted, const std::string& script) {
  if (!wanted.host.empty()) return check_at(wanted.host, config, wanted, script);
  const std::string listening = host_at(address_of(config));
  for (const Site& site : config.sites) {
    const auto name = host_of(config, site, bare(listening));
    if (!name) continue;
    auto found = check_at(with_port(*name, listening), config, wanted, script);
    if (found && found->fit == Fit::runs) return found;
  }
  return check_at(listening, config, wanted, script);
}

Result<Found> find(const Config& config, const Wanted& wanted, const std::string& script) {
  if (!wanted.path.empty()) return check(config, wanted, script);
  Found found = search(config, wanted, script);
  if (found.fit != Fit::elsewhere) return found;
  if (config.file.empty())
    return fail_as(ENOENT, "{} would be sent as a file: {}", script,
                   site::why_sent(config, config.sites.front(), config.sites.front().fallback,
                                  is_executable(script)));
  const bool is_for_web_server = std::ranges::any_of(
      config.listen, [&](const auto& listen) { return site::is_among(listen.programs, script); });
  return fail_as(ENOENT, "no location of {} runs {}; {}", config.file, script,
                 is_for_web_server
                     ? "a web server may name it (programs of a [[listen]]): try it without -c"
                     : "is it the right file? Or give the URL that leads to it");
}

// Directories that may be the served one, most likely first.
std::vector<std::string> roots(const fs::path& script, bool by_path) {
  std::vector<std::string> roots;
  for (fs::path at = script.parent_path(); at.has_relative_path(); at = at.parent_path())
    if (at.filename() == "cgi-bin" || at.filename() == "htbin") roots.push_back(at.parent_path());
  roots.push_back(script.parent_path());
  if (by_path)
    for (fs::path at = script.parent_path(); at.has_relative_path(); at = at.parent_path())
      roots.push_back(at.parent_path());
  return roots;
}

// Whether the path describes the script's position below that directory. Others fit it by chance.
bool is_named_by(const Wanted& wanted, const std::string& root, const std::string& script) {
  const auto path = http::decode_path(wanted.path);
  const auto name = below(root, script);
  return path && name && (path->text + "/").starts_with(*name + "/");
}

// "a=1", which a client would have to send behind a question mark, or "cgi-bin/hello.cgi".
Result<void> check_url(std::string_view url) {
  if (url.empty() || url.front() == '/' || url.front() == '?' || url == "*" || url.contains("://"))
    return {};
  return fail_as(EINVAL, "{0} is no URL; did you mean '{1}{0}'?", text::printable(url, 200),
                 url.contains('=') && !url.contains('?') ? '?' : '/');
}

// The URL that runs the script in directory mode, if one does.
std::optional<std::string> url_of(const std::string& script,
                                  const config::DirectoryOptions& options) {
  for (const std::string& root : roots(script, false)) {
    const auto config = config::directory_config(root, options);
    if (!config) continue;
    const auto found = find(*config, {}, script);
    if (found && found->fit == Fit::runs) return found->path;
  }
  return std::nullopt;
}

ResolvedRequest resolved(Config config, const Found& found, const Wanted& wanted) {
  const net::Address address = address_of(config);
  return {std::move(config), address, found.host, found.path + wanted.query};
}

}  // namespace

Result<ResolvedRequest> resolve_request(Config config, const std::string& script,
                                        const std::string& url) {
  const auto absolute = absolute_script(script);
  if (!absolute) return std::unexpected(absolute.error());
  if (const auto good = check_url(url); !good) return std::unexpected(good.error());
  const Wanted wanted = take_apart(url);
  const auto found = find(config, wanted, *absolute);
  if (!found) return std::unexpected(found.error());
  return resolved(std::move(config), *found, wanted);
}

Result<ResolvedRequest> resolve_request(const std::string& script, const std::string& url,
                                        const config::DirectoryOptions& options) {
  const auto absolute = absolute_script(script);
  if (!absolute) return std::unexpected(absolute.error());
  if (const auto good = check_url(url); !good) return std::unexpected(good.error());
  const Wanted wanted = take_apart(url);
  // If none of them runs it, the one that the path names says why, else the most likely.
  std::optional<Result<ResolvedRequest>> first;
  for (const std::string& root : roots(*absolute, !wanted.path.empty())) {
    auto config = config::directory_config(root, options);
    if (!config) continue;
    const auto found = find(*config, wanted, *absolute);
    if (found && found->fit == Fit::runs) return resolved(std::move(*config), *found, wanted);
    if (first && !is_named_by(wanted, root, *absolute)) continue;
    if (found) {
      first = resolved(std::move(*config), *found, wanted);
    } else {
      first = std::unexpected(found.error());
    }
  }
  // Below another directory the path is that of a file.
  if (first && !*first && first->error().code == ENOENT && !wanted.path.empty())
    if (const auto right = url_of(*absolute, options))
      return std::unexpected(
          Error{EINVAL, fmt::format("{} does not lead to {}; its URL is {}", wanted.path, script,
                                    text::printable(*right))});
  return first ? std::move(*first) : fail("{} is in no directory that can be served", script);
}

std::optional<Located> destination(const ResolvedRequest& resolved) {
  const auto path = http::decode_path(resolved.url.substr(0, resolved.url.find('?')));
  if (!path) return std::nullopt;
  return site::locate(resolved.config, site::find_site(resolved.config, bare(resolved.host)), *path,
                      no_visitor);
}

}  // namespace cgisrv::exec
