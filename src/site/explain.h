// How a URL is answered, step by step: `cgisrv check --explain URL`. Formats what locate() itself
// has noted.
#pragma once

#include <string>
#include <string_view>

#include "access/peer.h"
#include "config/forward.h"

namespace cgisrv::site {

// Why that is no URL to be explained, and what to write instead; empty: it is one.
std::string why_no_url(const config::Config& config, std::string_view text);

// `url`: "http://HOST/PATH" or a path, for the first site. A line for each step, with the file and
// line of its rule. Looks at the file system as locate() does. `method`: empty for what holds for
// all of them.
std::string explain(const config::Config& config, std::string_view url, const access::Peer& client,
                    std::string_view method = {});

// The administrator of this machine, by a listener that there is.
access::Peer administrator_of(const config::Config& config);

}  // namespace cgisrv::site
