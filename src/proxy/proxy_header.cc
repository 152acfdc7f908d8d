#include "proxy/proxy_header.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace cgisrv::proxy {

namespace {

using namespace std::string_view_literals;
using State = ProxyHeader::State;

constexpr auto line_start = "PROXY "sv;
constexpr auto signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t ends_bytes_v4 = 12;  // two addresses, two ports
constexpr std::size_t ends_bytes_v6 = 36;

ProxyHeader incomplete(std::size_t bytes) {
  return {.bytes = bytes};
}

ProxyHeader malformed(std::string_view problem) {
  return {.state = State::malformed, .problem = problem};
}

// ---- version 1, a line of text: section 2.1

// "65535", without zeros in front.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.size() > 1 && text.starts_with('0')) return {};
  return text::parse_number<std::uint16_t>(text);
}

// "192.0.2.1 192.0.2.2 4711 80": exactly one space between.
std::optional<Ends> parse_ends(std::string_view rest, bool is_v4) {
  const auto client = access::Ip::parse(text::take_until(rest, ' '));
  const auto server = access::Ip::parse(text::take_until(rest, ' '));
  const auto client_port = parse_port(text::take_until(rest, ' '));
  const auto server_port = parse_port(rest);
  if (!client || !server || !client_port || !server_port) return {};
  // An IPv4 address may stand in the form of an IPv6 one, but in that form alone.
  if (is_v4 && !(client->is_v4() && server->is_v4())) return {};
  return Ends{.client = {*client, *client_port}, .server = {*server, *server_port}};
}

ProxyHeader parse_line(std::string_view bytes) {
  const auto end = bytes.substr(0, line_bytes_max).find('\n');
  if (end == bytes.npos) {
    if (bytes.size() >= line_bytes_max) return malformed("its line has no end in 107 bytes");
    return incomplete(bytes.size() + 1);
  }
  const std::string_view line = bytes.substr(0, end);
  if (!line.ends_with('\r')) return malformed("its line does not end in CR and LF");
  ProxyHeader header{.state = State::complete, .bytes = end + 1};
  std::string_view rest = line.substr(line_start.size(), line.size() - line_start.size() - 1);
  const std::string_view family = text::take_until(rest, ' ');
  if (family == "UNKNOWN") return header;  // whatever follows
  if (family != "TCP4" && family != "TCP6")
    return malformed("its family is none of TCP4, TCP6 and UNKNOWN");
  header.ends = parse_ends(rest, family == "TCP4");
  if (!header.ends) return malformed("its line has no two addresses and two ports");
  return header;
}

// ---- version 2, binary: section 2.2

unsigned byte(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t number(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte(bytes, at) << 8 | byte(bytes, at + 1));
}

access::Ip address(std::string_view bytes, std::size_t at, bool is_v4) {
  access::Ip::Bytes ip{};
  if (is_v4) ip[10] = ip[11] = 0xff;
  const std::size_t size = is_v4 ? 4 : ip.size();
  std::memcpy(ip.data() + ip.size() - size, bytes.data() + at, size);
  return access::Ip(ip);
}

Ends binary_ends(std::string_view bytes, bool is_v4) {
  const std::size_t size = is_v4 ? 4 : 16;
  const std::size_t ports = fixed_bytes + 2 * size;
  return {.client = {address(bytes, fixed_bytes, is_v4), number(bytes, ports)},
          .server = {address(bytes, fixed_bytes + size, is_v4), number(bytes, ports + 2)}};
}

ProxyHeader parse_binary(std::string_view bytes) {
  if (bytes.size() < fixed_bytes) return incomplete(fixed_bytes);
  const unsigned version_command = byte(bytes, 12);
  const unsigned family = byte(bytes, 13);
  const std::size_t length = number(bytes, 14);
  if (version_command >> 4 != 2) return malformed("its version is not 2");
  if ((version_command & 0xf) > 1) return malformed("its command is neither LOCAL nor PROXY");
  if (fixed_bytes + length > header_bytes_max) return malformed("it is longer than 4096 bytes");
  const bool is_local = (version_command & 0xf) == 0;
  const bool is_v4 = family == 0x11;
  const bool has_ends = !is_local && (is_v4 || family == 0x21);
  if (has_ends && length < (is_v4 ? ends_bytes_v4 : ends_bytes_v6))
    return malformed("it is too short for its addresses");
  if (bytes.size() < fixed_bytes + length) return incomplete(fixed_bytes + length);
  ProxyHeader header{
      .state = State::complete, .bytes = fixed_bytes + length, .is_of_proxy = is_local};
  if (has_ends) header.ends = binary_ends(bytes, is_v4);
  return header;
}

// Whether one is the beginning of the other.
bool agree(std::string_view a, std::string_view b) {
  const auto size = std::min(a.size(), b.size());
  return a.substr(0, size) == b.substr(0, size);
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
  if (bytes.size() >= line_start.size() && bytes.starts_with(line_start)) return parse_line(bytes);
  if (bytes.size() >= signature.size() && bytes.starts_with(signature)) return parse_binary(bytes);
  if (agree(bytes, line_start)) return incomplete(line_start.size());
  if (agree(bytes, signature)) return incomplete(fixed_bytes);
  return malformed("it does not begin as the PROXY protocol does");
}

Proxied proxied_by(const access::Peer& proxy, const ProxyHeader& header) {
  Proxied made{.client = proxy,
               .ends = {},
               .proxy_address =
                   proxy.kind == access::Peer::Kind::ip ? proxy.ip.text() : std::string("unix")};
  if (header.is_of_proxy) return made;
  made.client.is_local = false;
  made.client.kind = access::Peer::Kind::unknown;  // until the header names it
  if (!header.ends) return made;
  const access::Ip& ip = header.ends->client.ip;
  if (ip.is_loopback() && !proxy.is_local) return made;
  made.client = access::Peer::of(ip, ip.is_loopback());
  made.ends = header.ends;
  return made;
}

}  // namespace cgisrv::proxy
