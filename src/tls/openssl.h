// Owners of what OpenSSL makes, and the words for what it refuses.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace cgisrv::tls {

template <auto free>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};

using Bio = std::unique_ptr<BIO, FreeBy<&BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeBy<&EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, FreeBy<&X509_free>>;
using SslContext = std::unique_ptr<SSL_CTX, FreeBy<&SSL_CTX_free>>;

// What the last failure was, in OpenSSL's words; forgets it.
inline std::string last_problem() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "OpenSSL does not say why";
}

}  // namespace cgisrv::tls
