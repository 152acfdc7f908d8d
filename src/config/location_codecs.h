// How the values of keys that only a location has are read and written.
#pragma once

#include <vector>

#include "config/codec.h"
#include "config/config.h"

namespace cgisrv::config {

Codec<Match> match();
Codec<Replacement> replacement();
// A list of the words "file" and "directory", and of paths.
Codec<std::vector<Attempt>> attempts();
// true, false or "hide".
Codec<Deny> deny();
// true, false, or a path, which is classified once the site's root is known.
Codec<Location> program();
// The address of a server that speaks the protocol.
Codec<backend::Target> backend_of(backend::Protocol protocol);

}  // namespace cgisrv::config
