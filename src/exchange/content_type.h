// The Content-Type of a file. Pure, but for /etc/mime.types.
#pragma once

#include <string>
#include <string_view>

#include "config/answer_rules.h"

namespace cgisrv::exchange {

// By the rules, else as files::mime_type(). A type that an administrator wrote with a charset keeps
// it.
std::string content_type(const config::TypeRules& rules, std::string_view path);

}  // namespace cgisrv::exchange
