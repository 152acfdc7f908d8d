#include "access/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cgisrv::access {

namespace {

constexpr std::size_t mapped_bytes = 12;  // of the prefix ::ffff:0:0/96
constexpr Ip::Bytes mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Numbers of clients: 0 is nobody, and an IPv4 address has the number of its mapped form, which no
// /64 in use has.
constexpr std::uint64_t first_client = 1;
constexpr std::uint64_t v4_client = 0xffff'0000'0000;
constexpr std::uint64_t low_48_bits = 0xffff'ffff'ffff;

Ip mapped(const void* four_bytes) {
  Ip::Bytes bytes = mapped_prefix;
  std::memcpy(bytes.data() + mapped_bytes, four_bytes, 4);
  return Ip(bytes);
}

}  // namespace

std::optional<Ip> Ip::parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return {};
  const std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str())) return {};
  in_addr v4{};
  if (::inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return mapped(&v4);
  Ip made;
  if (::inet_pton(AF_INET6, terminated.c_str(), made.bytes_.data()) == 1) return made;
  return {};
}

std::optional<Ip> Ip::from_kernel(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET)
    return mapped(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr);
  if (storage.ss_family != AF_INET6) return {};
  Ip made;
  std::memcpy(made.bytes_.data(), &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr,
              made.bytes_.size());
  return made;
}

bool Ip::is_v4() const {
  return std::equal(bytes_.begin(), bytes_.begin() + mapped_bytes, mapped_prefix.begin());
}

bool Ip::is_loopback() const {
  if (is_v4()) return bytes_[mapped_bytes] == 127;
  return number(0, 8) == 0 && number(8, 16) == 1;
}

std::string Ip::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer;
  if (!is_v4()) return ::inet_ntop(AF_INET6, bytes_.data(), buffer.data(), buffer.size());
  char* end = buffer.data();  // inet_ntop(3) would take a printf for these four
  for (std::size_t i = mapped_bytes; i < bytes_.size(); ++i) {
    if (i > mapped_bytes) *end++ = '.';
    end = std::to_chars(end, buffer.data() + buffer.size(), bytes_[i]).ptr;
  }
  return {buffer.data(), end};
}

std::uint64_t Ip::number(std::size_t from, std::size_t to) const {
  std::uint64_t made = 0;
  for (std::size_t i = from; i < to; ++i)
    made = made << 8 | bytes_[i];
  return made;
}

std::uint64_t Ip::client() const {
  // A translator's clients (RFC 6052, 64:ff9b::/96) share one /64. The IPv4 address at the end
  // tells them apart, as for mapped ones.
  const bool is_translated = number(0, 8) == 0x64'ff9b'0000'0000 && number(8, 12) == 0;
  if (is_translated || is_v4()) return v4_client | number(12, 16);
  // On a link all hosts are in the same /64.
  const bool is_on_a_link = (number(0, 2) & 0xffc0) == 0xfe80;
  if (is_on_a_link) return number(0, 2) << 48 | ((number(8, 16) ^ number(8, 10)) & low_48_bits);
  return std::max(number(0, 8), first_client);  // ::1 is in the /64 of zeros
}

}  // namespace cgisrv::access
