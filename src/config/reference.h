// docs/reference.md, from the table of parameters.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::config {

// docs/reference.md, generated from the table: `cgisrv reference` prints it, a test compares.
std::string reference_page();
// The example that both pages show.
std::string_view example_configuration();

}  // namespace cgisrv::config
