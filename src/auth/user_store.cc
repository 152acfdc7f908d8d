#include "auth/user_store.h"

#include <cerrno>
#include <iterator>
#include <utility>

#include "auth/password_hash.h"
#include "base/log.h"
#include "base/random.h"

namespace cgisrv::auth {

namespace {

constexpr unsigned faults_logged_max = 10;  // of one state of a file

void log_faults(const std::string& path, const std::vector<FileFault>& faults,
                std::string_view consequence) {
  for (unsigned i = 0; i < faults.size() && i < faults_logged_max; ++i)
    log::line(log::Level::error, "{}; {}", fault_text(path, faults[i]), consequence);
  if (faults.size() > faults_logged_max)
    log::line(log::Level::error, "{}: {} more faults", path, faults.size() - faults_logged_max);
}

std::string why_unreadable(const Error& error) {
  if (error.code != EACCES) return error.what;
  return error.what +
         "; the server's user must be able to read it: chgrp it to that user's group, "
         "and chmod 640";
}

// Whether the file as it is may be read later: there was a shortage, or its disk was away. Its
// modes and owners show in its state.
bool may_pass(const Error& error, const FileState& state) {
  return error.code != 0 && error.code != EACCES && state.error == 0;
}

}  // namespace

UserStore::UserStore() {
  RandomNumbers numbers;
  for (std::uint8_t& byte : secret_)
    byte = static_cast<std::uint8_t>(numbers.next());
}

template <typename File>
const UserStore::Kept<File>& UserStore::keep(std::map<std::string, Kept<File>>& files,
                                             const std::string& path,
                                             File (*parse)(std::string_view)) {
  Kept<File>& kept = files[path];
  const FileState state = state_of(path);
  if (state == kept.state) return kept;
  const auto text = read_text_file(path);
  kept.is_to_retry = !text && may_pass(text.error(), state);
  kept.state = kept.is_to_retry ? never : state;
  if (!text) {
    const std::string why = why_unreadable(text.error());
    kept.problem = kept.is_good ? std::string() : why;
    if (std::exchange(kept.told, why) != why)
      log::line(log::Level::error, "{}{}", why,
                kept.is_good ? "; what was read before stays in service" : "");
    return kept;
  }
  kept.told.clear();
  kept.problem.clear();
  File read = parse(*text);
  if (!read.faults.empty())
    log_faults(path, read.faults,
               kept.is_good ? "what was read before stays in service" : "this line has no effect");
  if (kept.is_good && !read.faults.empty()) return kept;
  kept.is_good = read.faults.empty();
  kept.file = std::move(read);
  return kept;
}

const UserStore::Kept<PasswordFile>& UserStore::passwords_of(const Options& rule) {
  if (rule.entry.empty()) return keep(passwords_, rule.passwords, parse_password_file);
  Kept<PasswordFile>& kept = passwords_[rule.entry];
  if (!kept.is_good) kept.file = parse_password_file(rule.entry);
  kept.is_good = true;
  return kept;
}

// Always the same one for a name, as if that had an entry: a file may hold hashes of several costs.
const std::string& UserStore::other_hash(const PasswordFile& file, std::string_view user) const {
  if (file.users.empty()) return unfitting_hash();
  const Digest digest = KeyedDigest(secret_).of(user);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number = number << 8 | digest[i];
  const auto at = static_cast<std::ptrdiff_t>(number % file.users.size());
  return std::next(file.users.begin(), at)->second.hash;
}

void UserStore::read(const Options& rule) {
  passwords_of(rule);
  if (!rule.groups.empty()) keep(groups_, rule.groups, parse_group_file);
}

UserStore::Found UserStore::find(const Options& rule, std::string_view user) {
  const auto& passwords = passwords_of(rule);
  if (!passwords.problem.empty()) return {.problem = passwords.problem};
  static const GroupFile no_groups;
  const GroupFile* groups = &no_groups;
  bool is_current = !passwords.is_to_retry;
  if (!rule.groups.empty()) {
    const auto& kept = keep(groups_, rule.groups, parse_group_file);
    if (!kept.problem.empty()) return {.problem = kept.problem};
    groups = &kept.file;
    is_current = is_current && !kept.is_to_retry;
  }
  const auto entry = passwords.file.users.find(user);
  const bool is_known = entry != passwords.file.users.end();
  return {.hash = is_known ? entry->second.hash : other_hash(passwords.file, user),
          .is_known = is_known,
          .is_listed = is_known && is_listed(user, rule.users, *groups),
          .is_current = is_current};
}

}  // namespace cgisrv::auth
