// The configured settings of programs that are started warm. Pure.
#pragma once

#include <optional>

#include "config/forward.h"
#include "warm/manager_message.h"
#include "warm/recipe.h"

namespace cgisrv::config {

// Whether any location starts its programs warm.
bool wants_zygote_manager(const Config& config);
// The settings of a program that is to be started warm; nothing: it is not.
std::optional<warm::WarmConfig> warm_config_of(const Config& config, const warm::ZygoteKey& key);

}  // namespace cgisrv::config
