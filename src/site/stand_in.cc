#include "site/stand_in.h"

#include <algorithm>
#include <string>

#include "pattern/budget.h"
#include "site/access_rules.h"
#include "site/locate_steps.h"

namespace cgisrv::site {

bool may_stand_in(const config::Config& config, const Visit& visit, std::string_view ending,
                  Seen& beside) {
  const pattern::Budget budget;
  const http::Path path =
      http::plain_path(own_path(visit.path, visit.located).text + std::string(ending));
  const std::string name = visit.located.file + std::string(ending);
  Known known{name, std::move(beside)};
  Located found = locate_in(
      {.config = config, .site = visit.site, .visitor = visit.visitor, .known = &known}, path);
  if (found.kind != Located::Kind::file || found.file != name) return false;
  const auto is_met = [&](const auth::Options* rule) {
    return !rule->asks(visit.visitor, "GET") || std::ranges::count(visit.passwords, rule) > 0;
  };
  const bool may = std::ranges::all_of(password_rules_for(config, visit.site, path, found), is_met);
  beside = std::move(found.seen.fd ? found.seen : known.seen);
  return may;
}

}  // namespace cgisrv::site
