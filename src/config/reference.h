// docs/reference.md and the manual page cgisrv.toml(5), from the table of parameters.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::config {

// `cgisrv reference` prints it, a test compares.
std::string reference_page();
// The same for scdoc(1): `cgisrv reference --scdoc`.
std::string reference_manual();
// The example that both show.
std::string_view example_configuration();

}  // namespace cgisrv::config
