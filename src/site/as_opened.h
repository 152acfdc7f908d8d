// Whether a file may be sent, or a folder listed, that was located by its name, and then opened by
// that name: whoever may write in a folder on the way can put a link there, and another one between
// the two.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/peer.h"
#include "auth/options.h"
#include "config/forward.h"
#include "http/target.h"
#include "site/locate.h"

namespace cgisrv::site {

struct Asking {
  const access::Peer& visitor;
  std::string_view method;
  const std::vector<const auth::Options*>& passwords;  // the rules that he has satisfied
};

// Why the file or folder that has been opened (Seen::fd) is not sent as what `path` was located to,
// a sentence for the log; empty: it is. If links have led to it, the rules for a file, and those
// for programs, are asked for it by its own name. Without links that takes one call, and none where
// no rule could say anything.
std::string why_not_as_opened(const config::Config& config, const config::Site& site,
                              const http::Path& path, const Located& located, const Seen& opened,
                              const Asking& asking);

}  // namespace cgisrv::site
