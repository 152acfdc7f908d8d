// What a client says first, as it stands there.
#pragma once

#include <string>

#include "tls/openssl.h"

namespace cgisrv::tls {

// The host that it names (SNI, RFC 6066 section 3); empty: none, or what is no host's name.
// To be called while OpenSSL asks about the hello.
std::string host_of_hello(SSL* ssl);

}  // namespace cgisrv::tls
