// A certificate and its key, of [[site.tls]] or [[admin.tls]].
#pragma once

#include <string>

namespace cgisrv::config {

// PEM files, absolute.
struct CertificateFiles {
  std::string certificate;  // with the chain
  std::string key;

  bool operator==(const CertificateFiles&) const = default;
};

}  // namespace cgisrv::config
