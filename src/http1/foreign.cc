#include "http1/foreign.h"

#include "base/text.h"
#include "http/octets.h"

namespace cgisrv::http1 {
namespace {

using namespace std::string_view_literals;

struct Protocol {
  std::string_view begins;
  std::string_view reason;
};

constexpr std::string_view proxy_protocol =
    "the PROXY protocol was spoken to a port that does not speak it; switch it off in the proxy";

constexpr Protocol protocols[] = {
    {"\x16\x03"sv,
     "TLS (https) was spoken to a port that speaks plain HTTP; write http://, or give its "
     "[[listen]] tls = true (--tls, where a directory is served)"},
    {"\x01\x01\x00"sv,
     "FastCGI was spoken to a port that speaks HTTP; a proxy in front needs proxy_pass, not "
     "fastcgi_pass"},
    {"\x12\x34"sv, "AJP was spoken to a port that speaks HTTP"},
    {"PROXY TCP"sv, proxy_protocol},
    {"PROXY UNKNOWN"sv, proxy_protocol},
    {"\r\n\r\n\0\r\nQUIT\n"sv, proxy_protocol},
};

// With which all of them begin, SCGI, HTTP/2 and SSH too, and most requests do not.
constexpr http::ByteSet first_bytes =
    http::ByteSet{}.with("\x16\x01\x12PS\r"sv).with_range('0', '9');

// A netstring that begins as SCGI requires: "70:CONTENT_LENGTH\0".
bool is_scgi(std::string_view bytes) {
  const auto colon = bytes.find_first_not_of("0123456789");
  return colon != 0 && colon != bytes.npos &&
         bytes.substr(colon).starts_with(":CONTENT_LENGTH\0"sv);
}

// A comment may follow its version (RFC 4253 section 4.2), so spaces decide nothing. But its first
// line, once whole, names no version of HTTP, as a request line would.
bool is_ssh(std::string_view bytes) {
  if (!bytes.starts_with("SSH-") || !bytes.contains('\n')) return false;
  return !text::take_until(bytes, '\n').contains(" HTTP/");
}

}  // namespace

std::optional<Foreign> foreign_protocol(std::string_view bytes) {
  if (bytes.empty() || !first_bytes.has(bytes.front())) return {};
  for (const auto& [begins, reason] : protocols)
    if (bytes.starts_with(begins)) return Foreign{.reason = reason};
  if (bytes.starts_with("PRI * HTTP/2.0\r\n"))
    return Foreign{505, "HTTP/2 without TLS was spoken to a port that speaks HTTP/1.1"};
  if (is_scgi(bytes))
    return Foreign{.reason =
                       "SCGI was spoken to a port that speaks HTTP; a proxy in front needs "
                       "proxy_pass, not scgi_pass"};
  if (is_ssh(bytes)) return Foreign{.reason = "SSH was spoken to a port that speaks HTTP"};
  return {};
}

}  // namespace cgisrv::http1
