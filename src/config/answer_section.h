// The keys of AnswerRules, which stand in [[site]] and in [[site.location]].
#pragma once

#include "config/answer_rules.h"
#include "config/section.h"

namespace cgisrv::config {

// It has no name: the reference lists its keys among those of the sections that it is merged into.
const SectionOf<AnswerRules>& answer_section();

}  // namespace cgisrv::config
