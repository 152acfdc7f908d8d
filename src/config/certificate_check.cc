#include "config/certificate_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "tls/authorities.h"
#include "tls/certificate.h"

namespace cgisrv::config {

namespace {

using std::chrono::sys_seconds;

// The table of the certificate with that index.
const Value& table_of(const Value& tls, std::size_t index) {
  const auto* const list = tls.as<Value::List>();
  return list != nullptr ? list->at(index) : tls;
}

void check_files(const Value& tls, const std::vector<CertificateFiles>& all, Faults& faults) {
  std::set<std::string, std::less<>> kinds;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [certificate, key] = all[i];
    if (certificate.empty() || key.empty()) continue;  // a fault of its own
    const Position& at = table_of(tls, i).at;
    const auto loaded = tls::Certificate::load(certificate, key);
    if (!loaded)
      faults.add(at, "'tls': {}", loaded.error().what);
    else if (!kinds.emplace(loaded->kind()).second)
      faults.add(at, "'tls': there is an {} certificate already; a site has one of a kind",
                 loaded->kind());
  }
}

// Of the clients.
void check_client_ca(const Value& table, const Site& site, Faults& faults) {
  const Value* const said = table.find("client_ca");
  if (said == nullptr || site.client_ca.empty()) return;
  if (site.tls.empty())
    faults.add(said->at,
               "'client_ca': the site has no certificate of its own; write tls = {{ certificate = "
               "\"/path/fullchain.pem\", key = \"/path/privkey.pem\" }} beside it");
  else if (const auto loaded = tls::Authorities::load(site.client_ca); !loaded)
    faults.add(said->at, "'client_ca': {}", loaded.error().what);
}

bool is_listed(const Value& root, std::string_view section) {
  const Value* const found = root.find(section);
  return found != nullptr && found->as<Value::List>() != nullptr;
}

// ---- notes

std::string date(sys_seconds time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

void note_dates(const std::string& file, const tls::Certificate& certificate, sys_seconds now,
                std::vector<std::string>& notes) {
  const sys_seconds end = certificate.not_after();
  if (now >= end)
    notes.push_back(fmt::format(
        "the certificate in {} has expired on {}, and clients refuse it; renew it, then: cgisrv "
        "reload",
        file, date(end)));
  else if (now < certificate.not_before())
    notes.push_back(fmt::format(
        "the certificate in {} is not valid before {}, and clients refuse it; look at this "
        "machine's clock too",
        file, date(certificate.not_before())));
  else if (end - now <= expiry_notice)
    notes.push_back(fmt::format(
        "the certificate in {} expires on {}, in {}; renew it, then: cgisrv reload", file,
        date(end),
        text::counted(static_cast<unsigned>((end - now) / std::chrono::days(1)), "day")));
}

void note_authorities(const Site& site, sys_seconds now, std::vector<std::string>& notes) {
  if (site.client_ca.empty()) return;
  const auto loaded = tls::Authorities::load(site.client_ca);
  if (!loaded || loaded->not_after() - now > expiry_notice) return;
  const bool is_over = now >= loaded->not_after();
  notes.push_back(fmt::format(
      "a certificate in {} {} on {}, and no client that it has signed is let in {}; add the one "
      "that follows it",
      site.client_ca, is_over ? "has expired" : "expires", date(loaded->not_after()),
      is_over ? "any more" : "after that"));
}

void note_names(const Site& site, const std::string& file, const tls::Certificate& certificate,
                std::vector<std::string>& notes) {
  std::string lacking;
  for (const std::string& name : site.server_name)
    if (!certificate.covers(name)) lacking += (lacking.empty() ? "" : ", ") + name;
  if (lacking.empty()) return;
  notes.push_back(fmt::format(
      "the certificate in {} is not for {}, and clients refuse it there; ask for one "
      "with all names of the site as subjectAltName; a common name alone does not count",
      file, lacking));
}

void note_files(const CertificateFiles& files, std::vector<std::string>& notes) {
  struct stat status {};
  if (::stat(files.key.c_str(), &status) == 0 && (status.st_mode & 0007) != 0)
    notes.push_back(
        fmt::format("{} can be read or written by every user of this machine: chmod 600 {}",
                    files.key, text::shell_word(files.key)));
  const std::filesystem::path certificate(files.certificate);
  const auto whole = certificate.parent_path() / "fullchain.pem";
  std::error_code ignored;
  if (certificate.filename() == "cert.pem" && std::filesystem::exists(whole, ignored))
    notes.push_back(fmt::format(
        "{} has the certificate without its chain, which many clients need: name {} instead",
        files.certificate, whole.string()));
}

bool has_tls(const Config& config) {
  return std::ranges::any_of(config.listen, &ListenerOptions::tls);
}

}  // namespace

void check_certificates(const Value& root, const Config& config, Faults& faults) {
  const Value* const admin = root.find("admin");
  if (const Value* const tls = admin != nullptr ? admin->find("tls") : nullptr)
    check_files(*tls, config.admin.tls, faults);
  if (is_listed(root, "site"))
    for (std::size_t i = 0; i < config.sites.size(); ++i) {
      const Value& table = root.find("site")->as<Value::List>()->at(i);
      if (const Value* const tls = table.find("tls"))
        check_files(*tls, config.sites[i].tls, faults);
      check_client_ca(table, config.sites[i], faults);
    }
  const bool has_some =
      std::ranges::any_of(config.sites, [](const Site& site) { return !site.tls.empty(); });
  if (has_some || !is_listed(root, "listen")) return;
  for (std::size_t i = 0; i < config.listen.size(); ++i)
    if (config.listen[i].tls)
      faults.add(root.find("listen")->as<Value::List>()->at(i).find("tls")->at,
                 "'tls': no [[site]] has a certificate; write tls = {{ certificate = "
                 "\"/path/fullchain.pem\", key = \"/path/privkey.pem\" }} in the site");
}

std::vector<std::string> notes_on_certificates(const Config& config, sys_seconds now) {
  std::vector<std::string> notes;
  for (const Site& site : config.sites) {
    note_authorities(site, now, notes);
    for (const CertificateFiles& files : site.tls) {
      const auto loaded = tls::Certificate::load(files.certificate, files.key);
      if (!loaded) continue;  // a fault, or replaced since
      note_dates(files.certificate, *loaded, now, notes);
      note_names(site, files.certificate, *loaded, notes);
      note_files(files, notes);
    }
  }
  for (const CertificateFiles& files : config.admin.tls)
    if (const auto loaded = tls::Certificate::load(files.certificate, files.key)) {
      note_dates(files.certificate, *loaded, now, notes);
      note_files(files, notes);
    }
  const auto unused =
      std::ranges::find_if(config.sites, [](const Site& site) { return !site.tls.empty(); });
  if (unused != config.sites.end() && !has_tls(config))
    notes.push_back(fmt::format(
        "the site {} has a certificate, and no [[listen]] has tls = true, so nobody sees it",
        unused->title()));
  return notes;
}

}  // namespace cgisrv::config
