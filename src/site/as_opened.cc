#include "site/as_opened.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/text.h"
#include "base/tree.h"
#include "config/config.h"
#include "pattern/budget.h"
#include "site/access_rules.h"
#include "site/program_source.h"

namespace cgisrv::site {

namespace {

// Without links; empty: nobody can tell.
std::string name_of(int fd) {
  std::array<char, PATH_MAX> text{};
  const std::string itself = fmt::format("/proc/self/fd/{}", fd);
  if (::readlink(itself.c_str(), text.data(), text.size() - 1) < 0) return {};
  return text.data();
}

bool may_be_closed(const config::Config& config, mode_t mode) {
  return site::has_any(config, has_allow) || site::has_any(config, has_auth) ||
         can_be_run(config, mode);
}

// Whether it is where its name says, by links that only lead to the site's root, if any.
bool is_by_own_name(const config::Site& site, const Located& located, std::string_view real) {
  std::string_view file = located.file;
  if (file.size() > 1 && file.ends_with('/')) file.remove_suffix(1);  // a folder
  if (real == file) return true;
  if (located.tree != site.root || !real.starts_with(site.real_root)) return false;
  return file.size() >= site.root.size() &&
         real.substr(site.real_root.size()) == file.substr(site.root.size());
}

bool needs_more(const std::vector<const auth::Options*>& rules, const Asking& asking) {
  return std::ranges::any_of(rules, [&](const auth::Options* rule) {
    return rule->asks(asking.visitor, asking.method) &&
           std::ranges::find(asking.passwords, rule) == asking.passwords.end();
  });
}

}  // namespace

std::string why_not_as_opened(const config::Config& config, const config::Site& site,
                              const http::Path& path, const Located& located, const Seen& opened,
                              const Asking& asking) {
  const mode_t mode = opened.status.st_mode;
  if (config.password_files.empty() && !may_be_closed(config, mode)) return {};
  opened.real = name_of(opened.fd.get());  // of what is open, wherever its name leads now
  const std::string& real = opened.real;
  if (is_password_file(config, located.file, opened))
    return located.file + " is a password or group file, which is never sent";
  if (real.empty() || is_by_own_name(site, located, real)) return {};
  const pattern::Budget budget;
  const std::string problem =
      fmt::format("{} leads to {}", text::escape(located.file), text::escape(real));
  if (real_path(real) != real) return problem + ", which has been replaced";
  const http::Path own = own_path(path, located);
  Seen by_own_name;
  by_own_name.is_real = true;
  if (const auto refusal = refusal_by_file(config, site, own, real, by_own_name, asking.visitor);
      !refusal.empty())
    return problem + ": " + refusal;
  const Located as_it_is{.kind = located.kind,
                         .location = located.location,
                         .file = real,
                         .tree = located.tree,
                         .seen = std::move(by_own_name),
                         .index = located.index,
                         .tried = located.tried};
  if (needs_more(password_rules_for(config, site, path, as_it_is), asking))
    return problem + ", which needs another password";
  if (S_ISDIR(mode)) return {};
  const auto runs = what_runs_real(config, site, real, mode);
  if (!runs) return runs.error().what;
  return runs->location != nullptr ? problem + ", which is a program" : std::string();
}

}  // namespace cgisrv::site
