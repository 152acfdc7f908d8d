// What a client's certificate says, once the handshake is done.
#pragma once

#include <memory>
#include <vector>

#include "access/client_certificate.h"
#include "tls/openssl.h"

namespace cgisrv::tls {

// Clients of that context are asked for a certificate by one of `authorities`. Whatever they show,
// the handshake goes on: whoever answers the request decides, who can say in words what is wrong.
// It fails only by a key that takes too long to compute with.
// False without memory.
bool ask_for_certificates(SSL_CTX* context, const std::vector<X509Ptr>& authorities);
// The same for a connection, which may have begun with another context.
void ask_as(SSL* ssl, SSL_CTX* context);

// Null: none was asked for. Of a session that is resumed, it is what was found when it began.
std::shared_ptr<const access::ClientCertificate> client_certificate_of(SSL* ssl);

}  // namespace cgisrv::tls
