// Which file may be sent in the place of another: one beside it that holds the same, compressed.
#pragma once

#include <string_view>

#include "access/peer.h"
#include "config/config.h"
#include "http/target.h"
#include "site/locate.h"

namespace cgisrv::site {

// Whether the file that has `ending` behind the name of a located file may be sent for it to that
// visitor: only if the visitor would also get it by its own path, and needs no further password
// for that. So no rule for a path, a file or a link, no denied ending and no program's source is
// passed by. Looks at the file system as locate() does.
bool may_stand_in(const config::Config& config, const config::Site& site, const http::Path& path,
                  const Located& located, std::string_view ending, const access::Peer& visitor);

}  // namespace cgisrv::site
