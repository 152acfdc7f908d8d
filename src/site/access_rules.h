// Who may have what: the rules of access, by address and by password, that hold for a path, and for
// a file by whatever path it was found.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "access/peer.h"
#include "auth/options.h"
#include "config/forward.h"
#include "http/target.h"
#include "site/locate.h"

namespace cgisrv::site {

// Rules that hold for a path, and who says them.
struct Rule {
  const config::Site* site = nullptr;
  const config::Location* location = nullptr;   // null: the site itself
  const config::AccessRules* access = nullptr;  // has the key
  // False: its regular expression has given up, and nobody knows whether it fits the path. It
  // holds, to be on the safe side, and takes the place of no other rule.
  bool is_certain = true;
};

// A key of AccessRules: whether it is said.
using Key = bool (*)(const config::AccessRules&);
bool has_allow(const config::AccessRules& rules);
bool has_auth(const config::AccessRules& rules);
// Whether any site or location says it.
bool has_any(const config::Config& config, Key key);

// Every rule of one key that holds for a path, whichever location answers for it: that of the most
// specific exact match or prefix that has one, and that of each ending (also below a prefix) and
// regular expression that fits and has one. All of them count. Only if there is none of these, that
// of the site. A slash that was sent as %2F is looked at both ways, for programs take it for a
// slash. Pure.
std::vector<Rule> rules_for(const config::Site& site, const http::Path& path, Key key);

// "location /x/", or "site example.org" for a rule of the whole site.
std::string title_of(const config::Site& site, const config::Location* location);

// Why the visitor does not get what is at that path, one sentence for the log that names the rule;
// empty: let in. Looks nothing up. `trace`, if any, is told of each rule that was asked. Pure.
std::string refusal_by_path(const config::Site& site, const http::Path& path,
                            const access::Peer& visitor, Trace* trace = nullptr);

// The same by that location's own rule, whatever path has led to what it runs.
std::string refusal_by_location(const config::Site& site, const config::Location& location,
                                const access::Peer& visitor);

// The same as refusal_by_path(), by the rules of other paths that lead to the file or folder:
// through a link, or because another site's root holds it too. None if `path` has a rule of its
// own, in a location or, against other sites, in its site; then somebody has decided. A rule of a
// whole site does not hold in a site whose root is the same or below it. `file` is absolute, and
// `seen` tells of it; its links are followed, if there is any rule.
std::string refusal_by_file(const config::Config& config, const config::Site& site,
                            const http::Path& path, const std::string& file, const Seen& seen,
                            const access::Peer& visitor, Trace* trace = nullptr);

// Which passwords a request needs, as far as a rule asks its client for one (auth::Options::asks):
// all of them have to let the client in; none: nobody is asked.
// The rules are found as those by address are, by path and by file. The path that was asked for
// counts, and each that it leads to: what `try` has found, a folder's index, the program that the
// path goes on behind.
std::vector<const auth::Options*> password_rules_for(const config::Config& config,
                                                     const config::Site& site,
                                                     const http::Path& path,
                                                     const Located& located);

// Whether a path needs a password that is none of `given`, to be read by that client; for listings.
// Asks no file system.
bool needs_another_password(const config::Site& site, const std::string& path,
                            const std::vector<const auth::Options*>& given,
                            const access::Peer& visitor);

// Whether that is a file of passwords or groups, by whatever name: none is ever sent.
bool is_password_file(const config::Config& config, const std::string& file, const Seen& seen);

// Takes all rules by address away, for the administrator who asks.
void drop_access_rules(config::Config& config);

}  // namespace cgisrv::site
