// Which passwords a request needs: the keys `auth` that hold for what was found.
#pragma once

#include <string>
#include <vector>

#include "auth/options.h"
#include "config/config.h"
#include "http/target.h"
#include "site/locate.h"

namespace cgisrv::site {

// All of them have to let the client in; none: nobody is asked. Which rules hold for a path, and
// for a file by the other paths that lead to it, is as for `allow` (access_rules.h): it need not be
// that of the location which answers. The path that was asked for counts, and each that it leads
// to: what `try` has found, a folder's index, the program that the path goes on behind.
std::vector<const auth::Options*> password_rules_for(const config::Config& config,
                                                     const config::Site& site,
                                                     const http::Path& path,
                                                     const Located& located);

// Whether a path needs a password that is none of `given`; for listings. Asks no file system.
bool needs_another_password(const config::Site& site, const std::string& path,
                            const std::vector<const auth::Options*>& given);

}  // namespace cgisrv::site
