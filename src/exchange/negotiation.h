// In which coding an answer goes to its client, and what that does to its head: RFC 9110 sections
// 8.4 and 12.5.3. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "encoding/coding.h"
#include "http/message.h"

namespace cgisrv::exchange {

// Shorter content fits into a packet together with its head, compressed or not.
inline constexpr std::uint64_t encoded_bytes_min = 1024;

// Those that the client takes, the best first; none if it does not say.
std::vector<encoding::Coding> codings_for(const http::Request& request,
                                          const encoding::Order& order);

// The codings that the answer's content may be given, the best first; none: it is sent as it is.
// Where another client may get another coding, it adds Accept-Encoding to Vary.
std::vector<encoding::Coding> negotiate(const http::Request& request, http::Response& response);

// The content gets that coding: of unknown length, without ranges, and what was a strong validator
// is a weak one.
void show_coding(http::Response& response, encoding::Coding coding);

}  // namespace cgisrv::exchange
