// What a location's rules do to the head of an answer. Pure, but for /etc/mime.types.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "config/answer_rules.h"
#include "http/message.h"

namespace cgisrv::exchange {

// Sets, adds and removes fields. Date stays; Server may be replaced or removed. After
// http::add_origin_fields().
void apply_field_rules(const std::vector<config::FieldRule>& rules, http::Response& response);

// Cache-Control and, for caches of HTTP/1.0, Expires, by the most specific rule for the type, which
// may have parameters; nothing if no rule is about it.
void add_cache_fields(const std::vector<config::CacheRule>& rules, std::string_view type,
                      http::Response& response, std::time_t now);

// The Content-Type of a file: by the rules, else as files::mime_type(). A type that an
// administrator wrote with a charset keeps it.
std::string content_type(const config::TypeRules& rules, std::string_view path);

}  // namespace cgisrv::exchange
