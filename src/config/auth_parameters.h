// The tables of parameters about passwords; parameters.cc has the others.
#pragma once

#include "auth/options.h"
#include "config/section.h"

namespace cgisrv::config {

const SectionOf<auth::Limits>& auth_limits_section();  // [auth]
const SectionOf<auth::Options>& auth_section();        // auth = { ... } of a site or location
Codec<std::optional<auth::Options>> auth_rule();       // that section, or false

}  // namespace cgisrv::config
