// Which parameters of a web server become variables of the program as they are. Pure.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::gateway {

// Not what the server computes itself, fields (HTTP_*), what steers the dynamic loader or warm
// start, nor PATH: programs find other programs as the configuration says.
bool may_be_added(std::string_view name);

// REMOTE_USER, AUTH_TYPE and their kin, which mean somebody only if they are not empty.
bool is_of_a_user(std::string_view name);

// A program that starts warm knows that it differs from request to request: no boot has it.
bool is_known_to_vary(const std::string& name);

}  // namespace cgisrv::gateway
