// Codecs of the keys of AnswerRules. Each adds to what the site says: a
// location that names a field, an ending or a status has its own, and keeps the rest.
#pragma once

#include "config/answer_rules.h"
#include "config/codec.h"

namespace cgisrv::config {

// { "X-Frame-Options" = "DENY", "Link" = { add = "..." }, "X-Powered-By" = false }
Codec<std::vector<FieldRule>> field_rules();
// "1h", "no-store", or { "text/html" = "5m", "image/*" = "30d", "*" = "1h" }; replaces the site's.
Codec<std::vector<CacheRule>> cache_rules();
// { 404 = "/missing.html", 500-599 = "/sorry.cgi" }
Codec<std::vector<ErrorPage>> error_pages();
// { ".log" = "text/plain", "*" = "text/plain" }
Codec<TypeRules> types();

}  // namespace cgisrv::config
