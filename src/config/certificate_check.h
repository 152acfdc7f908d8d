// Whether the certificates of a configuration can be used, and what an administrator should know of
// them.
#pragma once

#include <string>
#include <vector>

#include "config/faults.h"
#include "config/forward.h"

namespace cgisrv::config {

// Reads all of them. Also what listeners with TLS lack.
void check_certificates(const Value& root, const Config& config, Faults& faults);

inline constexpr std::chrono::days expiry_notice{14};

// What does not hinder a start, a sentence each: that one expires soon, or has expired; that it is
// not for a name of its site; that its key can be read by others. For `now`.
std::vector<std::string> notes_on_certificates(const Config& config, std::chrono::sys_seconds now);

}  // namespace cgisrv::config
