// What a request's way to the server decides: in the clear or by TLS, and by whose certificate.
#pragma once

#include <cstdint>

#include "exchange/host.h"
#include "http/target.h"

namespace cgisrv::exchange {

// Of a site that wants it: by 301 or 308 to the same address with https, at that port. `path` is
// that of the request. Null: go on, since the request has come by https, or is about a certificate.
handler::HandlerPtr redirect_to_https(Exchange& exchange, const config::Site& site,
                                      const http::Path& path, std::uint16_t port);

// 421 if the connection began with the certificate of a site that has another one than this one,
// or asks clients for other ones: then the client has not seen whom it speaks to, or we have not.
// Null: go on.
handler::HandlerPtr refuse_misdirected(Exchange& exchange, const config::Config& config,
                                       const config::Site& site);

}  // namespace cgisrv::exchange
