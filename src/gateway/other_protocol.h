// A web server that speaks another protocol than its listener is meant for.
#pragma once

#include <string>
#include <string_view>

#include "config/listener_options.h"

namespace cgisrv::gateway {

// That of the first bytes of a connection, as far as they tell; empty: unknown. Pure.
std::string_view protocol_of(std::string_view first);

// One sentence, with the remedy; empty: the bytes are of no other protocol that is known. Pure.
std::string why_not_understood(std::string_view first, config::Protocol meant,
                               std::string_view address);

}  // namespace cgisrv::gateway
