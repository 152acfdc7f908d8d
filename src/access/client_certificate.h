// Who a client is, by the certificate that it has shown to TLS.
#pragma once

#include <string>

namespace cgisrv::access {

struct ClientCertificate {
  // As Apache's mod_ssl says it: "SUCCESS"; "NONE", if the client has shown none; or "FAILED:" and
  // why. Only with SUCCESS it is of somebody we trust, and all else is set.
  std::string verified = "NONE";
  std::string subject;      // "CN=Alice,O=Example", by RFC 2253
  std::string issuer;       // likewise
  std::string common_name;  // of the subject; empty: it has none, or several
  std::string email;        // empty: none
  std::string serial;       // in hexadecimal digits
  std::string not_before;   // "Dec  1 00:00:00 2026 GMT"
  std::string not_after;

  bool is_verified() const { return verified == "SUCCESS"; }
};

}  // namespace cgisrv::access
