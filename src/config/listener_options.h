// What the configuration says of a listener.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/address_set.h"
#include "config/key_lines.h"

namespace cgisrv::config {

// Not if it was built without nghttp2.
#ifdef CGISRV_WITHOUT_NGHTTP2
inline constexpr bool has_http2 = false;
#else
inline constexpr bool has_http2 = true;
#endif

// What is spoken at a listener. fastcgi, scgi: by a web server that passes requests on.
enum class Protocol : std::uint8_t { http, fastcgi, scgi };

// [[listen]]
struct ListenerOptions {
  std::string address = "127.0.0.1:8888";  // read by net::parse_address
  bool tls = false;
  std::optional<bool> http2{};  // nothing: with TLS
  bool proxy_protocol = false;  // each connection begins with a PROXY header
  bool request_ids = false;     // and the proxy sets or removes X-Request-ID in each request
  Protocol protocol = Protocol::http;
  // That a web server may name, beside those that locations name: files, and folders; absolute.
  std::vector<std::string> programs{};
  std::optional<access::AddressSet> allow{};  // who may connect; none: everybody
  std::string mode{};   // of the unix socket that is made; empty: see socket_rights()
  std::string owner{};  // empty: who starts the server
  std::string group{};
  bool errors_to_web_server = false;  // what programs write to standard error, besides the log
  unsigned line = 0;                  // in the file; 0: not from a file
  KeyLines lines{};                   // none: not from a file
  std::string_view option{};          // of the command line, such as "--listen"; empty: none

  bool speaks_http2() const { return http2.value_or(tls && has_http2); }
  bool is_gateway() const { return protocol != Protocol::http; }
};

}  // namespace cgisrv::config
