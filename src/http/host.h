// Host names, in the form in which they are compared and passed on.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::http {

// Lower case, without the root's dot, RFC 9110 section 4.2.3 and RFC 1034 section 3.1: names that
// differ only in these are one host.
std::string canonical_host(std::string_view host);

// "127.0.0.1", "[::1]": not a name that somebody could point elsewhere.
bool is_address_literal(std::string_view host);

}  // namespace cgisrv::http
