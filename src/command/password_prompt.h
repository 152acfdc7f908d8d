// Asks for a password, without showing it.
#pragma once

#include <string_view>

#include "auth/secret.h"
#include "base/result.h"

namespace cgisrv::command {

// At a terminal: asks with `question`, twice, without echo. Else: reads a line of standard input.
// An error is a sentence: the two differ, it is empty, or holds what no client could send.
Result<auth::Secret> ask_password(std::string_view question);

}  // namespace cgisrv::command
