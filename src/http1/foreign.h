// Recognises other protocols by their first bytes. A client that speaks one of them to this port is
// misconfigured, and is told so. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace cgisrv::http1 {

struct Foreign {
  int status = 400;         // of the response
  std::string_view reason;  // a sentence for the client and the log; static storage
};

// Nothing where `bytes`, the first that were sent, may still be HTTP/1: no HTTP/1 request begins
// like the protocols found here.
std::optional<Foreign> foreign_protocol(std::string_view bytes);

}  // namespace cgisrv::http1
