#include "auth/group_file.h"

#include <algorithm>

#include "base/text.h"

namespace cgisrv::auth {

namespace {

void read_group(unsigned number, std::string line, GroupFile& file) {
  std::ranges::replace(line, '\t', ' ');
  std::string_view rest = line;
  const bool has_colon = rest.contains(':');
  const auto name = text::trim(text::take_until(rest, ':'));
  const auto fault = [&](std::string_view what) {
    file.faults.push_back({number, std::string(what)});
  };
  if (!has_colon || name.empty())
    return fault("there is no group before a colon; a line is GROUP: USER USER");
  if (text::has_controls(line)) return fault("the line holds a control character");
  auto& members = file.members[std::string(name)];
  while (!rest.empty())
    if (const auto member = text::take_until(rest, ' '); !member.empty()) members.emplace(member);
}

bool has_member(const GroupFile& groups, std::string_view group, std::string_view user) {
  const auto found = groups.members.find(group);
  return found != groups.members.end() && found->second.contains(user);
}

}  // namespace

GroupFile parse_group_file(std::string_view text) {
  GroupFile file;
  for_each_line(text, [&](unsigned number, std::string_view line) {
    read_group(number, std::string(line), file);
  });
  return file;
}

bool is_listed(std::string_view user, const std::vector<std::string>& listed,
               const GroupFile& groups) {
  return listed.empty() || std::ranges::any_of(listed, [&](std::string_view each) {
           return each.starts_with('@') ? has_member(groups, each.substr(1), user) : each == user;
         });
}

}  // namespace cgisrv::auth
