// The one table of all configuration parameters. The reader, its messages and the reference page
// (docs/reference.md) come from it. A default is written once, in config.h: a row names the field
// of its value, and the default is that of a default-constructed struct.
#pragma once

#include <string>
#include <vector>

#include "config/section.h"

namespace cgisrv::config {

const SectionOf<Config>& root_section();
// [cgi] and what is inside it.
const SectionOf<CgiOptions>& cgi_section();
const SectionOf<auth::Limits>& auth_limits_section();  // [auth]
const SectionOf<auth::Options>& auth_section();        // auth = { ... } of a site or location
Codec<std::optional<auth::Options>> auth_rule();       // that section, or false
// Of a site or location. It has no name: the reference lists its keys among those of the sections
// that it is merged into.
const SectionOf<AnswerRules>& answer_section();
// All except the root: each is followed by those inside it.
const std::vector<const Section*>& sections();

// Checks types, ranges and single values; site_check.h checks combinations. Makes relative paths
// absolute with `folder`.
Config read_config(const Value& root, const std::string& folder, Faults& faults);

}  // namespace cgisrv::config
