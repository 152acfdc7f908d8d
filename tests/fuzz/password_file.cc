// Password files and group files: each line is an entry or a fault, and writing an entry changes no
// other.
#include "auth/password_file.h"

#include "auth/basic.h"
#include "auth/group_file.h"
#include "auth/password_hash.h"
#include "fuzz.h"

namespace cgisrv::fuzz {
namespace {

void check_faults(const std::vector<auth::FileFault>& faults, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  CGISRV_CHECK(std::ranges::is_sorted(faults, {}, &auth::FileFault::line));
  for (const auto& fault : faults) {
    CGISRV_CHECK(fault.line > 0 && fault.line <= lines);
    CGISRV_CHECK(!fault.what.empty() && is_printable(fault.what));
  }
}

void check_entries(const auth::PasswordFile& file) {
  for (const auto& [user, entry] : file.users) {
    CGISRV_CHECK(auth::check_user_name(user).empty());
    CGISRV_CHECK(auth::check_hash(entry.hash).empty() && !entry.hash.contains(':'));
    CGISRV_CHECK(std::ranges::none_of(
        file.faults, [&](const auth::FileFault& fault) { return fault.line == entry.line; }));
  }
}

// Whether both have the same users, `except` aside, and the same hashes.
bool are_alike(auth::PasswordFile a, auth::PasswordFile b, const std::string& except) {
  a.users.erase(except);
  b.users.erase(except);
  return std::ranges::equal(a.users, b.users, [](const auto& one, const auto& other) {
    return one.first == other.first && one.second.hash == other.second.hash;
  });
}

void check_writing(std::string_view text, const auth::PasswordFile& file, const std::string& user) {
  constexpr std::string_view hash = "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=";
  const std::string with = auth::with_entry(text, user, hash);
  const auto changed = auth::parse_password_file(with);
  const auto found = changed.users.find(user);
  CGISRV_CHECK(found != changed.users.end() && found->second.hash == hash);
  CGISRV_CHECK(are_alike(file, changed, user));
  CGISRV_CHECK(auth::with_entry(with, user, hash) == with);
  const auto without = auth::parse_password_file(auth::without_entry(with, user));
  CGISRV_CHECK(!without.users.contains(user) && are_alike(file, without, user));
}

void check_groups(std::string_view text) {
  const auto groups = auth::parse_group_file(text);
  check_faults(groups.faults, text);
  for (const auto& [group, members] : groups.members) {
    CGISRV_CHECK(!group.empty() && !group.contains(':'));
    for (const std::string& member : members) {
      CGISRV_CHECK(!member.empty() && !member.contains(' '));
      CGISRV_CHECK(auth::is_listed(member, {"@" + group}, groups));
    }
    CGISRV_CHECK(!auth::is_listed("", {"@" + group}, groups));
  }
}

}  // namespace

CGISRV_FUZZ_TARGET(password_file) {
  const auto file = auth::parse_password_file(input);
  check_faults(file.faults, input);
  check_entries(file);
  if (!file.users.empty()) check_writing(input, file, file.users.begin()->first);
  check_writing(input, file, "somebody");
  check_groups(input);
}

}  // namespace cgisrv::fuzz
