// Rules of access that a client's certificate satisfies.
#pragma once

#include <vector>

#include "auth/options.h"
#include "exchange/host.h"

namespace cgisrv::exchange {

// Takes away those of `rules` that the client's certificate satisfies, and makes the client that
// user. What is left is asked for by password. Not null: it refuses the client, by 403, as one of
// them takes no password.
handler::HandlerPtr admit_by_certificate(Exchange& exchange,
                                         std::vector<const auth::Options*>& rules);

}  // namespace cgisrv::exchange
