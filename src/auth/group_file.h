// A group file as Apache reads it: "staff: alice bob", a line for each group; a group may have
// several. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auth/text_file.h"

namespace cgisrv::auth {

struct GroupFile {
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> members;
  std::vector<FileFault> faults;
};

GroupFile parse_group_file(std::string_view text);

// Whether the user is among `listed` ("alice", "@staff"), or nobody is listed.
bool is_listed(std::string_view user, const std::vector<std::string>& listed,
               const GroupFile& groups);

}  // namespace cgisrv::auth
