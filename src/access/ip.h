// An IP address as a value, without a port. Pure.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cgisrv::access {

class Ip {
 public:
  using Bytes = std::array<std::uint8_t, 16>;  // in network order; IPv4 as ::ffff:a.b.c.d

  Ip() = default;  // "::"
  explicit Ip(const Bytes& bytes) : bytes_(bytes) {}
  // "192.0.2.1", "2001:db8::1". No brackets, port or zone. An IPv4 address in the form of an IPv6
  // one ("::ffff:192.0.2.1") is that IPv4 address.
  static std::optional<Ip> parse(std::string_view text);
  // As accept(2) gives it; nothing for another family.
  static std::optional<Ip> from_kernel(const sockaddr_storage& storage);

  const Bytes& bytes() const { return bytes_; }
  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8, ::1
  std::string text() const;
  // Identifies the client in counts, never 0: the IPv4 address, in whatever form, or the /64 of an
  // IPv6 one, which is what one customer gets; on a link (fe80::/10) the host.
  std::uint64_t client() const;

  auto operator<=>(const Ip&) const = default;

 private:
  std::uint64_t number(std::size_t from, std::size_t to) const;

  Bytes bytes_{};
};

}  // namespace cgisrv::access
