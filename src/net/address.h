// Where to listen, and a peer's address: IPv4, IPv6 and unix sockets.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgisrv::net {

class Address {
 public:
  Address() = default;
  // As accept(2) and getsockname(2) fill it in.
  static Address from_kernel(const sockaddr_storage& storage, socklen_t length);

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return length_; }
  int family() const { return storage_.ss_family; }
  bool is_unix() const { return family() == AF_UNIX; }

  std::string host() const;      // "127.0.0.1", "::1" (IPv4 in IPv6 form as IPv4); unix: the path
  std::uint16_t port() const;    // 0 for unix
  bool loopback() const;         // 127.0.0.0/8, ::1; true for a unix socket, which is no network
  bool every_interface() const;  // "::", "0.0.0.0"
  std::string text() const;      // "127.0.0.1:80", "[::1]:80", "unix:/path"

 private:
  friend Result<Address> parse_address(std::string_view text);
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// "127.0.0.1:8888", "[::1]:8888", ":8888" and "8888" (every interface, IPv6 and IPv4),
// "localhost:8888", "unix:/path". Names other than localhost are not looked up.
Result<Address> parse_address(std::string_view text);

// Whether only one of them can be open: they are the same, or one includes the other.
bool overlap(const Address& a, const Address& b);

// Our end of a socket, getsockname(2).
Address local_address(int socket);

}  // namespace cgisrv::net
