// Which file may be sent in the place of another: one beside it that holds the same, compressed.
#pragma once

#include <string_view>
#include <vector>

#include "access/peer.h"
#include "auth/options.h"
#include "base/tree.h"
#include "config/forward.h"
#include "http/target.h"
#include "site/locate.h"

namespace cgisrv::site {

// A file that somebody gets.
struct Visit {
  const config::Site& site;
  const http::Path& path;
  const Located& located;
  const std::vector<const auth::Options*>& passwords;  // the rules that he has met
  const access::Peer& visitor;
};

// Whether the file that has `ending` behind the name of the located one may be sent for it: only if
// the visitor would also get it by its own path, and needs no further password for that. So no rule
// for a path, a file or a link, no denied ending and no program's source is passed by. `beside` is
// what was found out about it.
bool may_stand_in(const config::Config& config, const Visit& visit, std::string_view ending,
                  Seen& beside);

}  // namespace cgisrv::site
