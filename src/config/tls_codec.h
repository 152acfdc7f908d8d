// How a site's certificates are read.
#pragma once

#include <vector>

#include "config/section.h"

namespace cgisrv::config {

// A table with certificate and key, or a list of such tables.
Codec<std::vector<CertificateFiles>> certificates();
// The same, for a key whose section the reference describes elsewhere.
Codec<std::vector<CertificateFiles>> certificates_again();

}  // namespace cgisrv::config
