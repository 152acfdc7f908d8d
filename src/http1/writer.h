// Writes response heads and body framing in HTTP/1.1, RFC 9112 sections 4 to 7.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace cgisrv::http1 {

// How the body of one response is delimited.
enum class BodyFraming : std::uint8_t {
  none,     // the head is everything
  length,   // Content-Length
  chunked,  // Transfer-Encoding: chunked; 1.1 only
  close,    // until the connection ends
};

// The framing of content for a client that speaks `version`. Also decides whether the connection
// can go on: with BodyFraming::close it cannot.
BodyFraming choose_framing(http::Content content, http::Version version);

// Appends the head to `out`: status line (always HTTP/1.1), the response's fields, its Date and
// Server, Content-Length or Transfer-Encoding by framing, "Connection: close" when not
// `keep_alive`, "Connection: keep-alive" when it is and the client's `version` is 1.0. A HEAD or
// 304 response repeats Content-Length where it is known; 1xx and 204 never have it.
void write_head(std::string& out, http::Version version, const http::Response& response,
                BodyFraming framing, bool keep_alive);

// "1000\r\n" before and "\r\n" after a chunk's bytes; the last chunk is "0\r\n\r\n".
void write_chunk_size(std::string& out, std::size_t bytes);
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";
inline constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace cgisrv::http1
