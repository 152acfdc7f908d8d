#include "http/method.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"
#include "http/octets.h"

namespace cgisrv::http {
namespace {

constexpr std::size_t method_bytes_max = 64;

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

MethodFault check_method(std::string_view method) {
  if (is_known_method(method)) return {};
  if (!is_token(method)) return {400, "the request method is not a token"};
  if (method.size() > method_bytes_max) return {501, "a request method that is too long"};
  if (is_miscased_method(method))
    return {501, "a request method in the wrong case; methods are case-sensitive"};
  return {};
}

}  // namespace cgisrv::http
