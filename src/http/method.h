// Request methods, RFC 9110 section 9.
#pragma once

#include <string_view>

namespace cgisrv::http {

// Whether it is registered (or soon will be). Any other token is a method too, for programs.
bool is_known_method(std::string_view method);

// Whether it differs from a known method in case alone. Two readers could disagree about it.
bool is_miscased_method(std::string_view method);

// Why a request is refused for its method alone; status 0: it is not. An unknown token is a method
// that only programs may understand.
struct MethodFault {
  int status = 0;
  std::string_view reason;  // a sentence for the client and the log; static storage
};
MethodFault check_method(std::string_view method);

}  // namespace cgisrv::http
