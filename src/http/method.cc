#include "http/method.h"

#include <algorithm>

#include "base/text.h"

namespace cgisrv::http {
namespace {

// IANA's registry, and what is in use besides.
constexpr std::string_view known_methods[] = {
    "ACL",       "BIND",      "CHECKOUT", "CONNECT",  "COPY",   "DELETE",     "GET",
    "HEAD",      "LINK",      "LOCK",     "M-SEARCH", "MERGE",  "MKCALENDAR", "MKACTIVITY",
    "MKCOL",     "MOVE",      "NOTIFY",   "OPTIONS",  "PATCH",  "POST",       "PROPFIND",
    "PROPPATCH", "PURGE",     "PUT",      "QUERY",    "REBIND", "REPORT",     "SEARCH",
    "SOURCE",    "SUBSCRIBE", "TRACE",    "UNBIND",   "UNLINK", "UNLOCK",     "UNSUBSCRIBE"};

}  // namespace

bool is_known_method(std::string_view method) {
  return std::ranges::find(known_methods, method) != std::end(known_methods);
}

bool is_miscased_method(std::string_view method) {
  return !is_known_method(method) &&
         std::ranges::any_of(known_methods, [&](std::string_view known) {
           return text::equals_ignoring_case(known, method);
         });
}

}  // namespace cgisrv::http
