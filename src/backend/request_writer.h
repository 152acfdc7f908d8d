// A request in the words of FastCGI or SCGI. Pure: each function appends bytes to send.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "backend/target.h"

namespace cgisrv::backend {

// Of FastCGI: one request at a time is on a connection.
inline constexpr std::uint16_t only_id = 1;

// All that comes before the body. `variables`: "NAME=value". For SCGI, CONTENT_LENGTH is among them
// if there is a body. `keeps_connection`: it is to stay open after the answer; of FastCGI alone.
void write_head(std::string& to, Protocol protocol, std::span<const std::string_view> variables,
                bool keeps_connection);
void write_body(std::string& to, Protocol protocol, std::string_view bytes);
void write_body_end(std::string& to, Protocol protocol);

}  // namespace cgisrv::backend
