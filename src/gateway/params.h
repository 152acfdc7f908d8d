// The parameters by which a web server passes a request on, in FastCGI and SCGI: from names and
// values to a request, or to the status that refuses it. Pure.
//
// What a client can choose of them is checked as in a head of HTTP/1.1. The rest is the web
// server's word, and believed: who is the client, who has logged in, which program is meant.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "exchange/gateway.h"
#include "http/message.h"

namespace cgisrv::gateway {

using Param = std::pair<std::string_view, std::string_view>;

struct ParamLimits {
  std::size_t fields_bytes_max = 16 * 1024;  // of all HTTP_*; 431 beyond it
  std::size_t target_bytes_max = 8 * 1024;   // 414 beyond it
  std::size_t fields_max = 100;              // 431 beyond it
  std::size_t params_max = 1000;             // of all parameters; 431 beyond it
};

// A request's target comes up to four times, and the server has variables of its own: so many bytes
// may all parameters have.
constexpr std::size_t params_bytes_max(std::size_t header_size) {
  return 4 * header_size;
}

struct Refusal {
  int status = 0;           // 0: none
  std::string_view reason;  // a sentence for the client and the log; static storage
  explicit operator bool() const { return status != 0; }
};

// Fills `request` in, but for its body, unless CONTENT_LENGTH tells of one; and `gateway`. The last
// parameter of a name counts. On a refusal both are unspecified, but for what describe() needs.
Refusal read_params(std::span<const Param> params, const ParamLimits& limits,
                    http::Request& request, exchange::Gateway& gateway);

// The file in the forms that Apache's mod_proxy_fcgi has for SCRIPT_FILENAME:
// "proxy:fcgi://localhost/usr/lib/x", "proxy:unix:/run/x.sock|fcgi://localhost/usr/lib/x".
std::string_view without_proxy(std::string_view script_filename);

}  // namespace cgisrv::gateway
