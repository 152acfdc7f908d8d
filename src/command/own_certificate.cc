#include "command/own_certificate.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "config/certificate_check.h"
#include "net/interfaces.h"
#include "site/own_names.h"
#include "tls/certificate.h"

namespace cgisrv::command {

namespace {

Result<std::string> state_directory() {
  const auto absolute = [](const char* path) { return path != nullptr && path[0] == '/'; };
  if (const char* const state = std::getenv("XDG_STATE_HOME"); absolute(state))
    return std::string(state) + "/cgisrv";
  const char* home = std::getenv("HOME");
  if (!absolute(home)) {
    const passwd* const entry = ::getpwuid(::geteuid());
    home = entry != nullptr ? entry->pw_dir : nullptr;
  }
  if (!absolute(home))
    return fail("no place for a certificate: neither XDG_STATE_HOME nor HOME names a directory");
  return std::string(home) + "/.local/state/cgisrv";
}

// Under which it may be asked for, from here and from the local network.
std::vector<std::string> hosts_of_this_machine() {
  constexpr std::size_t names_max = 20;
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  const auto add = [&](const std::string& host) {
    if (hosts.size() < names_max && std::ranges::find(hosts, host) == hosts.end() &&
        host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.:-") == host.npos)
      hosts.push_back(host);
  };
  for (const std::string& name : site::own_names())
    add(name);
  for (const net::Address& address : net::interface_addresses())
    add(address.host());
  return hosts;
}

bool lasts(const tls::Certificate& certificate) {
  return certificate.not_after() - std::chrono::system_clock::now() > config::expiry_notice;
}

Result<tls::Certificate> load_or_make(const config::CertificateFiles& files) {
  auto kept = tls::Certificate::load(files.certificate, files.key);
  if (kept && lasts(*kept)) return kept;
  if (auto made = tls::make_certificate({files.certificate, files.key}, hosts_of_this_machine());
      !made)
    return std::unexpected(made.error());
  return tls::Certificate::load(files.certificate, files.key);
}

}  // namespace

bool use_own_certificate(config::DirectoryOptions& options) {
  const auto folder = state_directory();
  auto& files = options.certificate;
  if (folder) files = {*folder + "/certificate.pem", *folder + "/key.pem"};
  const auto certificate =
      folder ? load_or_make(files) : Result<tls::Certificate>(std::unexpected(folder.error()));
  if (!certificate) {
    std::fprintf(stderr, "cgisrv: --tls: %s\n", certificate.error().what.c_str());
    return false;
  }
  std::printf(
      "cgisrv: its certificate is %s, which no browser knows; fingerprint (SHA-256):\n  %s\n",
      files.certificate.c_str(), certificate->fingerprint().c_str());
  std::fflush(stdout);
  return true;
}

}  // namespace cgisrv::command
