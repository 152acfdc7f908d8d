// The manual page of the configuration, from the table of parameters.
#pragma once

#include <string>

namespace cgisrv::config {

// The manual page cgisrv.toml(5) from the same table, for scdoc(1): `cgisrv reference --scdoc`.
std::string reference_manual();

}  // namespace cgisrv::config
