// The keys of [cgi.rlimits].
#pragma once

#include "config/section.h"

namespace cgisrv::config {

const SectionOf<ResourceLimits>& rlimits_section();

}  // namespace cgisrv::config
