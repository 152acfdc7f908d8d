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
  return std::ranges::any_of(config.listen, &config::ListenerOptions::tls);
}

bool any_has_tls(const config::Config& config) {
  return has_tls(config) || !config.admin.tls.empty();
}

Result<std::vector<tls::Certificate>> read(const std::vector<config::CertificateFiles>& all) {
  std::vector<tls::Certificate> certificates;
  for (const auto& [certificate, key] : all) {
    auto loaded = tls::Certificate::load(certificate, key);
    if (!loaded) return std::unexpected(loaded.error());
    certificates.push_back(std::move(*loaded));
  }
  return certificates;
}

Result<std::vector<tls::Contexts::Site>> read_all(const config::Config& config) {
  std::vector<tls::Contexts::Site> sites;
  for (const config::Site& site : config.sites) {
    if (site.tls.empty()) continue;
    auto certificates = read(site.tls);
    if (!certificates) return std::unexpected(certificates.error());
    sites.push_back({.certificates = std::move(*certificates)});
    if (site.client_ca.empty()) continue;
    auto loaded = tls::Authorities::load(site.client_ca);
    if (!loaded) return std::unexpected(loaded.error());
    sites.back().authorities = std::move(*loaded);
  }
  if (sites.empty()) return fail("a listener has tls = true, and no site has a certificate");
  return sites;
}

Result<std::vector<tls::Contexts::Site>> read_admin(const config::Config& config) {
  auto certificates = read(config.admin.tls);
  if (!certificates) return std::unexpected(certificates.error());
  std::vector<tls::Contexts::Site> sites;
  sites.push_back({.certificates = std::move(*certificates)});
  return sites;
}

// Empty if they can be used.
std::string why_unusable(const config::Config& config) {
  if (has_tls(config))
    if (const auto sites = read_all(config); !sites) return sites.error().what;
  if (const auto admin = read_admin(config); !admin) return admin.error().what;
  return {};
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
  for (const auto& [certificate, key] : config.admin.tls) {
    files.add(certificate);
    files.add(key);
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
  if (!any_has_tls(config)) return LoadedCertificates{};
  LoadedCertificates loaded{.files = FileStates::of(config)};
  if (keys.empty()) keys.rotate();
  const auto make = [&keys](const Result<std::vector<tls::Contexts::Site>>& sites,
                            std::unique_ptr<tls::Contexts>& contexts) -> Result<void> {
    if (!sites) return std::unexpected(sites.error());
    auto made = tls::Contexts::make(*sites, keys);
    if (!made) return std::unexpected(made.error());
    contexts = std::move(*made);
    return {};
  };
  if (has_tls(config))
    if (const auto made = make(read_all(config), loaded.contexts); !made)
      return std::unexpected(made.error());
  if (!config.admin.tls.empty())
    if (const auto made = make(read_admin(config), loaded.admin); !made)
      return std::unexpected(made.error());
  log_notes(config);
  return loaded;
}

std::vector<status::Report::Certificate> reported_certificates(const config::Config& config) {
  std::vector<status::Report::Certificate> found;
  const auto add = [&](const std::string& site, const std::vector<config::CertificateFiles>& all) {
    for (const auto& [certificate, key] : all)
      if (const auto loaded = tls::Certificate::load(certificate, key))
        found.push_back({.site = site,
                         .file = certificate,
                         .not_after = loaded->not_after().time_since_epoch().count()});
  };
  if (has_tls(config))
    for (const config::Site& site : config.sites)
      add(site.title(), site.tls);
  add("the admin listener", config.admin.tls);
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
  if (any_has_tls(config))
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
  if (const std::string problem = why_unusable(*config_); !problem.empty()) {
    const std::string why = std::exchange(told_, problem);
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
