#include "master/certificates.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "config/certificate_check.h"
#include "tls/authorities.h"
#include "tls/certificate.h"

namespace cgisrv::master {

namespace {

bool has_tls(const config::Config& config) {
  return std::ranges::any_of(config.listen, &config::Listen::tls);
}

Result<std::vector<tls::Contexts::Site>> read_all(const config::Config& config) {
  std::vector<tls::Contexts::Site> sites;
  for (const config::Site& site : config.sites) {
    if (site.tls.empty()) continue;
    auto& [certificates, authorities] = sites.emplace_back();
    for (const auto& [certificate, key] : site.tls) {
      auto loaded = tls::Certificate::load(certificate, key);
      if (!loaded) return std::unexpected(loaded.error());
      certificates.push_back(std::move(*loaded));
    }
    if (site.client_ca.empty()) continue;
    auto loaded = tls::Authorities::load(site.client_ca);
    if (!loaded) return std::unexpected(loaded.error());
    authorities = std::move(*loaded);
  }
  if (sites.empty()) return fail("a listener has tls = true, and no site has a certificate");
  return sites;
}

void log_notes(const config::Config& config) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  for (const std::string& note : config::notes_on_certificates(config, now))
    log::line(log::Level::warn, "{}", note);
}

}  // namespace

FileStates FileStates::of(const config::Config& config) {
  FileStates files;
  for (const config::Site& site : config.sites) {
    for (const auto& [certificate, key] : site.tls) {
      files.add(certificate);
      files.add(key);
    }
    if (!site.client_ca.empty()) files.add(site.client_ca);
  }
  return files;
}

void FileStates::add(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) status = {};
  states_.push_back({.device = status.st_dev,
                     .inode = status.st_ino,
                     .bytes = static_cast<std::uint64_t>(status.st_size),
                     .modified_ns = status.st_mtim.tv_sec * std::int64_t{1'000'000'000} +
                                    status.st_mtim.tv_nsec});
}

Result<LoadedCertificates> load_certificates(const config::Config& config, tls::TicketKeys& keys) {
  if (!has_tls(config)) return LoadedCertificates{};
  FileStates files = FileStates::of(config);
  const auto sites = read_all(config);
  if (!sites) return std::unexpected(sites.error());
  if (keys.empty()) keys.rotate();
  auto contexts = tls::Contexts::make(*sites, keys);
  if (!contexts) return std::unexpected(contexts.error());
  log_notes(config);
  return LoadedCertificates{std::move(*contexts), std::move(files)};
}

std::vector<status::Report::Certificate> reported_certificates(const config::Config& config) {
  std::vector<status::Report::Certificate> found;
  if (!has_tls(config)) return found;
  for (const config::Site& site : config.sites)
    for (const auto& [certificate, key] : site.tls)
      if (const auto loaded = tls::Certificate::load(certificate, key))
        found.push_back({.site = site.title(),
                         .file = certificate,
                         .not_after = loaded->not_after().time_since_epoch().count()});
  return found;
}

CertificateWatch::CertificateWatch(Loop& loop, tls::TicketKeys& keys,
                                   std::function<void()> replaced)
    : keys_(keys),
      replaced_(std::move(replaced)),
      timer_(loop, Callback::of<&CertificateWatch::due>(*this)) {}

void CertificateWatch::follow(const config::Config& config, FileStates read) {
  config_ = &config;
  read_ = seen_ = std::move(read);
  rejected_.reset();
  told_.clear();
  noted_ = Clock::now();
  if (has_tls(config))
    timer_.arm_after(interval);
  else
    timer_.disarm();
}

void CertificateWatch::due() {
  timer_.arm_after(interval);
  look();
}

void CertificateWatch::look() {
  const TimePoint now = Clock::now();
  if (now - rotated_ >= tls::TicketKeys::rotation) {
    keys_.rotate();
    rotated_ = now;
  }
  if (now - noted_ >= std::chrono::days(1)) {
    log_notes(*config_);
    noted_ = now;
  }
  look_at_files();
}

// Certificate and key are two files, and whoever replaces them does so one after the other. So they
// are read when they have been the same for a while. What cannot be used is tried again: a shortage
// passes, and who may read a file does not show in its state.
void CertificateWatch::look_at_files() {
  FileStates now = FileStates::of(*config_);
  const bool is_at_rest = now == std::exchange(seen_, now);
  if (now == read_ || !is_at_rest) return;
  if (const auto good = read_all(*config_); !good) {
    const std::string why = std::exchange(told_, good.error().what);
    if (std::exchange(rejected_, std::move(now)) == seen_ && why == told_) return;
    log::line(log::Level::error,
              "certificates have changed, and cannot be used: {}; those that were read before stay "
              "in service",
              told_);
    return;
  }
  replaced_();
}

}  // namespace cgisrv::master
