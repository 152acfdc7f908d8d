// A certificate in OpenSSL's terms.
#pragma once

#include <vector>

#include "tls/certificate.h"
#include "tls/openssl.h"

namespace cgisrv::tls {

struct Certificate::Parts {
  X509Ptr own;
  std::vector<X509Ptr> chain;  // without it
  Key key;
};

}  // namespace cgisrv::tls
