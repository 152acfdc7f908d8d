#include "site/stand_in.h"

#include <algorithm>
#include <string>

#include "site/access_rules.h"

namespace cgisrv::site {

bool may_stand_in(const config::Config& config, const config::Site& site, const http::Path& path,
                  const Located& located, std::string_view ending, const access::Peer& visitor) {
  const http::Path beside = http::plain_path(own_path(path, located).text + std::string(ending));
  const Located found = locate(config, site, beside, visitor);
  if (found.kind != Located::Kind::file || found.file != located.file + std::string(ending))
    return false;
  const auto given = password_rules_for(config, site, path, located);
  return std::ranges::all_of(
      password_rules_for(config, site, beside, found),
      [&](const auth::Options* rule) { return std::ranges::count(given, rule) > 0; });
}

}  // namespace cgisrv::site
