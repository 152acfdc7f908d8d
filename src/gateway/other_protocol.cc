#include "gateway/other_protocol.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace cgisrv::gateway {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t method_bytes_max = 20;

// "GET /x", "PRI * HTTP/2.0": a method and a target.
bool is_http(std::string_view first) {
  const auto end = first.find(' ');
  if (end == first.npos || end == 0 || end > method_bytes_max || end + 1 == first.size())
    return false;
  const char next = first[end + 1];
  return std::ranges::all_of(first.substr(0, end), [](char c) { return c >= 'A' && c <= 'Z'; }) &&
         (next == '/' || next == '*' || text::is_alpha(next));
}

// A hello: a record of type 22, version 3.x.
bool is_tls(std::string_view first) {
  return first.starts_with("\x16\x03"sv);
}

// A netstring that begins with CONTENT_LENGTH.
bool is_scgi(std::string_view first) {
  const auto end = first.find(':');
  return end != first.npos && end > 0 &&
         std::ranges::all_of(first.substr(0, end), text::is_digit) &&
         first.substr(end + 1).starts_with("CONTENT_LENGTH"sv);
}

std::string_view name_of(config::Protocol protocol) {
  return protocol == config::Protocol::scgi ? "SCGI" : "FastCGI";
}

// How a web server is told to speak it.
std::string_view directives_of(config::Protocol protocol) {
  return protocol == config::Protocol::scgi
             ? "nginx: scgi_pass, Apache: scgi://, lighttpd: scgi.server"
             : "nginx: fastcgi_pass, Apache: fcgi://, lighttpd: fastcgi.server, Caddy: transport "
               "fastcgi";
}

std::string_view listener_for(std::string_view protocol) {
  if (protocol == "FastCGI") return "one with protocol = \"fastcgi\"";
  if (protocol == "SCGI") return "one with protocol = \"scgi\"";
  return protocol == "TLS" ? "one for HTTP with tls = true" : "one for HTTP, without protocol";
}

}  // namespace

std::string_view protocol_of(std::string_view first) {
  if (is_http(first)) return "HTTP";
  if (is_tls(first)) return "TLS";
  if (first.starts_with("\x01\x01\x00"sv)) return "FastCGI";
  if (is_scgi(first)) return "SCGI";
  return {};
}

std::string why_not_understood(std::string_view first, config::Protocol meant,
                               std::string_view address) {
  const auto spoken = protocol_of(first);
  if (spoken.empty() || spoken == name_of(meant)) return {};
  return fmt::format(
      "a web server speaks {} at the {} listener {}: let it speak {} there ({}), or let it connect "
      "to another [[listen]], {}",
      spoken, name_of(meant), address, name_of(meant), directives_of(meant), listener_for(spoken));
}

}  // namespace cgisrv::gateway
