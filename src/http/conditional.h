// Preconditions, RFC 9110 section 13: may the method be applied to the current representation?
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "http/message.h"

namespace cgisrv::http {

struct Validators {
  std::string etag;               // quoted, W/ prefix where weak; empty: none
  std::time_t last_modified = 0;  // 0: unknown
};

enum class Precondition { proceed, not_modified, failed };  // 200/206, 304, 412

// In the order of section 13.2.2: If-Match (strong), If-Unmodified-Since, If-None-Match (weak; 304
// for GET and HEAD, else failed), If-Modified-Since (GET and HEAD; ignored when invalid or later
// than `now`).
Precondition evaluate(const Request& request, const Validators& current, std::time_t now);

// Whether a field of that name is such a condition.
bool is_precondition(std::string_view field);

// Whether to honour Range: there is no If-Range, or it matches strongly, section 13.1.5.
bool range_applies(const Request& request, const Validators& current, std::time_t now);

}  // namespace cgisrv::http
