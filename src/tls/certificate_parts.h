// Certificates in OpenSSL's terms.
#pragma once

#include <string>
#include <vector>

#include "tls/authorities.h"
#include "tls/certificate.h"
#include "tls/openssl.h"

namespace cgisrv::tls {

struct Certificate::Parts {
  X509Ptr own;
  std::vector<X509Ptr> chain;  // without it
  Key key;
};

struct Authorities::Parts {
  std::vector<X509Ptr> all;
};

// Of SHA-256.
std::string fingerprint_of(const X509* certificate);

}  // namespace cgisrv::tls
