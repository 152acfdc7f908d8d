#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "base/text.h"

namespace cgisrv::net {

namespace {

constexpr std::string_view forms =
    "use ADDR:PORT, [v6]:PORT, unix:/path, or PORT for every interface, as in 127.0.0.1:8888";

const sockaddr_in& as_v4(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& as_v6(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6&>(storage);
}

Result<socklen_t> fill_unix(std::string_view path, sockaddr_storage& storage) {
  auto& address = reinterpret_cast<sockaddr_un&>(storage);
  if (path.empty() || path.front() != '/')
    return fail("unix:{}: the path of a unix socket must be absolute", path);
  if (path.size() >= sizeof address.sun_path)
    return fail("unix:{}: the path is too long; at most {} bytes", path,
                sizeof address.sun_path - 1);
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
}

Result<socklen_t> fill_inet(std::string_view whole, std::string host, std::uint16_t port,
                            sockaddr_storage& storage) {
  if (host == "localhost") host = "127.0.0.1";
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return static_cast<socklen_t>(sizeof v4);
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6 = {};
  if (host.empty() || host == "*") host = "::";
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return static_cast<socklen_t>(sizeof v6);
  }
  return fail("{}: not an address; {}", whole, forms);
}

}  // namespace

namespace {

std::unexpected<Error> no_url(std::string_view text) {
  const auto host = text.substr(text.find("://") + 3);
  return fail("{}: an address is no URL; write {}{}", text, host.substr(0, host.find('/')),
              text.starts_with("https") ? " and tls = true, or --tls for a directory" : "");
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  Address address;
  Result<socklen_t> length;
  if (text.starts_with("unix:")) {
    length = fill_unix(text.substr(5), address.storage_);
  } else if (text.contains("://")) {
    return no_url(text);
  } else {
    const auto colon = text.rfind(':');
    auto host = colon == std::string_view::npos ? std::string_view{} : text.substr(0, colon);
    if (text.starts_with('/'))
      return fail("{0}: not an address; for a unix socket write unix:{0}", text);
    const auto port = text::parse_number<std::uint16_t>(
        colon == std::string_view::npos ? text : text.substr(colon + 1));
    if (!port) return fail("{}: no port from 0 to 65535 at its end; {}", text, forms);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (!bracketed && host.find(':') != std::string_view::npos)
      return fail("{}: an IPv6 address stands in brackets, as in [::1]:8888", text);
    length = fill_inet(text, std::string(host), *port, address.storage_);
  }
  if (!length) return std::unexpected(length.error());
  address.length_ = *length;
  return address;
}

Address Address::from_kernel(const sockaddr_storage& storage, socklen_t length) {
  Address address;
  address.storage_ = storage;
  address.length_ = length;
  return address;
}

Address local_address(int socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &length);
  return Address::from_kernel(storage, length);
}

std::string Address::host() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    ::inet_ntop(AF_INET, &as_v4(storage_).sin_addr, buffer, sizeof buffer);
  } else if (family() == AF_INET6) {
    const in6_addr& v6 = as_v6(storage_).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      ::inet_ntop(AF_INET, &v6.s6_addr[12], buffer, sizeof buffer);
    } else {
      ::inet_ntop(AF_INET6, &v6, buffer, sizeof buffer);
    }
  } else if (family() == AF_UNIX && length_ > offsetof(sockaddr_un, sun_path)) {
    return reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
  }
  return buffer;
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(as_v4(storage_).sin_port);
  return family() == AF_INET6 ? ntohs(as_v6(storage_).sin6_port) : 0;
}

bool Address::loopback() const {
  if (family() == AF_INET) return ntohl(as_v4(storage_).sin_addr.s_addr) >> 24 == 127;
  if (family() != AF_INET6) return true;
  const in6_addr& v6 = as_v6(storage_).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool Address::every_interface() const {
  return host() == "::" || host() == "0.0.0.0";
}

bool overlap(const Address& a, const Address& b) {
  if (a.is_unix() || b.is_unix()) return a.text() == b.text();
  if (a.port() != b.port() || a.port() == 0) return false;  // 0: any free port
  const auto includes = [](const Address& whole, const Address& part) {
    const std::string host = whole.host();
    return host == "::" || host == part.host() || (host == "0.0.0.0" && part.family() == AF_INET);
  };
  return includes(a, b) || includes(b, a);
}

std::string Address::text() const {
  if (family() == AF_UNIX) return "unix:" + host();
  const bool v6 = family() == AF_INET6 && host().find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host(), v6 ? "]" : "", port());
}

}  // namespace cgisrv::net
