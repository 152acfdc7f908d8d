#include "config/password_rules.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>

#include "auth/group_file.h"
#include "auth/password_file.h"
#include "auth/password_hash.h"
#include "base/text.h"
#include "config/key_lines.h"
#include "net/address.h"
#include "process/privileges.h"

namespace cgisrv::config {

namespace {

// Calls `visit` with each rule and the lines of its table, in the order of the file.
template <typename Config, typename Visit>
void visit_rules(Config& config, const Visit& visit) {
  for (auto& site : config.sites) {
    if (auto& rule = site.access.auth; rule && rule->has_passwords()) visit(*rule, site.lines);
    for (auto& location : site.locations)
      if (auto& rule = location.access.auth; rule && rule->has_passwords())
        visit(*rule, location.lines);
  }
}

// What has been read already: rules may share files.
class FileCheck {
 public:
  explicit FileCheck(Faults& faults) : faults_(faults) {}

  void passwords(const Position& at, const std::string& path) {
    if (!seen_.insert(path).second) return;
    if (const auto text = read(at, "passwords", path))
      report(path, auth::parse_password_file(*text).faults);
  }

  void groups(const Value& table, const auth::Options& rule) {
    const Position& at = table.find("groups")->at;
    const auto text = read(at, "groups", rule.groups);
    if (!text) return;
    const auth::GroupFile file = auth::parse_group_file(*text);
    if (seen_.insert(rule.groups).second) report(rule.groups, file.faults);
    for (const std::string& each : rule.users)
      if (each.starts_with('@') && !file.members.contains(each.substr(1)))
        faults_.add(table.find("users")->at,
                    "'users': there is no group {0} in {1}; write a line \"{0}: USER USER\" there",
                    text::escape(each.substr(1), 80), rule.groups);
  }

 private:
  std::optional<std::string> read(const Position& at, std::string_view key,
                                  const std::string& path) {
    auto text = auth::read_text_file(path);
    if (text) return std::move(*text);
    const bool is_missing = key == "passwords" && text.error().code == ENOENT;
    const bool is_denied = text.error().code == EACCES;
    faults_.add(at, "'{}': {}{}", key, text.error().what,
                is_missing  ? fmt::format("; make it with: cgisrv passwd {} USER", path)
                : is_denied ? "; check, and start, as a user who may read it, such as root"
                            : std::string());
    return std::nullopt;
  }
  void report(const std::string& path, const std::vector<auth::FileFault>& faults) {
    for (const auth::FileFault& fault : faults)
      faults_.add(ConfigError{path, fault.line, 0, fault.what});
  }

  Faults& faults_;
  std::set<std::string> seen_;
};

bool names_a_group(const auth::Options& rule) {
  return std::ranges::any_of(rule.users,
                             [](const std::string& each) { return each.starts_with('@'); });
}

// What a rule by certificate needs, and what it cannot have.
void check_certificates_of(const Value& table, const Site& site, const auth::Options& rule,
                           Faults& faults) {
  if (rule.certificate == auth::Certificate::none) {
    if (table.find("passwords") == nullptr)
      faults.add(table.at,
                 "'auth': write passwords = \"/path\", for users with a password, or certificate "
                 "= \"CN\", for those with a certificate");
    return;
  }
  if (site.client_ca.empty())
    faults.add(table.find("certificate")->at,
               "'certificate': the site asks no client for one; write client_ca = \"/path/ca.pem\" "
               "in the [[site]]: the certificate of whoever signs those of the clients");
  if (!rule.has_passwords() && names_a_group(rule))
    faults.add(table.find("users")->at,
               "'users': groups are of passwords, and none are asked for here; list the users");
}

void check_rule(const Value& owner, const Site& site, const AccessRules& access, FileCheck& files,
                Faults& faults) {
  const Value* const table = owner.find("auth");
  if (table == nullptr || !access.auth || access.auth->is_open) return;
  const auth::Options& rule = *access.auth;
  check_certificates_of(*table, site, rule, faults);
  if (const Value* const passwords = table->find("passwords"); passwords && !rule.passwords.empty())
    files.passwords(passwords->at, rule.passwords);
  if (!rule.has_passwords()) return;
  if (!rule.groups.empty())
    files.groups(*table, rule);
  else if (names_a_group(rule))
    faults.add(table->find("users")->at,
               "'users' names a group; write groups = \"/path\" beside it: the file that says who "
               "belongs to it");
}

// ---- notes

void note_file(const Config& config, const std::string& path, std::string_view what,
               std::vector<std::string>& notes) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  if ((status.st_mode & 0007) != 0)
    notes.push_back(
        fmt::format("{} can be read or written by every user of this machine: chmod 640 {}", path,
                    text::shell_word(path)));
  const std::string& user = config.server.user;
  if (!user.empty() && !process::may(S_IROTH, user, config.server.group, status))
    notes.push_back(fmt::format(
        "{0} cannot be read by the user {1}, as whom the server checks {2}: chgrp {1} {3}, and "
        "chmod 640 {3}",
        path, user, what, text::shell_word(path)));
}

void note_weak_hashes(const std::string& path, std::vector<std::string>& notes) {
  const auto text = auth::read_text_file(path);
  if (!text) return;
  for (const auto& [user, entry] : auth::parse_password_file(*text).users) {
    const auto form = auth::weak_form(entry.hash);
    if (form.empty()) continue;
    notes.push_back(fmt::format(
        "{}:{}: the {} hash of {} is guessed fast by whoever has the file; make it anew with: "
        "cgisrv passwd {} {}",
        path, entry.line, form, text::escape(user, 80), text::shell_word(path),
        text::shell_word(user)));
    return;  // one line tells enough
  }
}

// Why what `users` lists lets nobody in; empty: it does.
std::string why_nobody(const std::string& listed, const std::string& path,
                       const auth::PasswordFile& passwords, const auth::GroupFile& groups) {
  const bool is_group = listed.starts_with('@');
  const auto group = groups.members.find(is_group ? listed.substr(1) : listed);
  const bool is_known_group = group != groups.members.end();
  const auto has_password = [&](const std::string& user) { return passwords.users.contains(user); };
  const std::string name = text::escape(listed, 80);
  if (is_group)
    return is_known_group && std::ranges::none_of(group->second, has_password)
               ? fmt::format("{} has nobody of the group {}", path, name)
               : std::string();
  if (has_password(listed)) return {};
  if (is_known_group)
    return fmt::format("{0} has no user {1}; the group is written \"@{1}\"", path, name);
  return fmt::format(
      "{} has no user {}; cgisrv passwd {} {} adds one; a group is written with @ before its name",
      path, name, text::shell_word(path), text::shell_word(listed));
}

void note_users(const std::string& place, const auth::Options& rule,
                std::vector<std::string>& notes) {
  const auto text = auth::read_text_file(rule.passwords);
  if (!text) return;  // there is none, or its own note says so
  const auto passwords = auth::parse_password_file(*text);
  const auto groups = auth::parse_group_file(auth::read_text_file(rule.groups).value_or(""));
  for (const std::string& each : rule.users)
    if (const auto why = why_nobody(each, rule.passwords, passwords, groups); !why.empty())
      notes.push_back(fmt::format("{}'users': {}", place, why));
}

// A site that sends everybody to https first asks nobody before.
bool asks_in_the_clear(const Config& config) {
  const auto asks = [](const AccessRules& rules) {
    return rules.auth && rules.auth->has_passwords();
  };
  return std::ranges::any_of(config.sites, [&](const Site& site) {
    return !site.redirect_to_https &&
           (asks(site.access) || std::ranges::any_of(site.locations, asks, &Location::access));
  });
}

bool is_heard(const ListenerOptions& listen) {
  const auto address = net::parse_address(listen.address);
  return address && !address->loopback() && !listen.tls;
}

}  // namespace

std::vector<const auth::Options*> password_rules(const Config& config) {
  std::vector<const auth::Options*> rules;
  visit_rules(config, [&](const auth::Options& rule, const KeyLines&) { rules.push_back(&rule); });
  return rules;
}

void list_password_rules(Config& config) {
  std::uint32_t number = 0;
  std::set<std::string> files;
  visit_rules(config, [&](auth::Options& rule, const KeyLines&) {
    rule.number = number++;
    files.insert({rule.passwords, rule.groups});
  });
  files.erase("");
  config.password_files.assign(files.begin(), files.end());
}

void check_password_rules(const Value& root, Config& config, Faults& faults) {
  FileCheck files(faults);
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    const Site& site = config.sites[i];
    const Value& table = root.find("site")->as<Value::List>()->at(i);
    check_rule(table, site, site.access, files, faults);
    for (std::size_t j = 0; j < site.locations.size(); ++j)
      check_rule(table.find("location")->as<Value::List>()->at(j), site, site.locations[j].access,
                 files, faults);
  }
}

std::vector<std::string> notes_on_passwords(const Config& config) {
  std::vector<std::string> notes;
  std::set<std::string> seen;
  for (const auth::Options* const rule : password_rules(config)) {
    if (!rule->passwords.empty() && seen.insert(rule->passwords).second) {
      note_file(config, rule->passwords, "passwords", notes);
      note_weak_hashes(rule->passwords, notes);
    }
    if (!rule->groups.empty() && seen.insert(rule->groups).second)
      note_file(config, rule->groups, "passwords", notes);
  }
  visit_rules(config, [&](const auth::Options& rule, const KeyLines& lines) {
    if (rule.certificate != auth::Certificate::none) return;  // users may be known by that
    note_users(place_text(config, find_line(lines, {"auth"})), rule, notes);
  });
  const auto heard = std::ranges::find_if(config.listen, is_heard);
  if (asks_in_the_clear(config) && heard != config.listen.end())
    notes.push_back(
        fmt::format("passwords go over the network in the clear to {}, which has no TLS; give it "
                    "tls = true, or "
                    "put a proxy with TLS in front, and listen on 127.0.0.1",
                    heard->address));
  return notes;
}

}  // namespace cgisrv::config
