#include "tls/hello.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace cgisrv::tls {

namespace {

// Programs and logs see it, so nothing but a host's name passes.
bool is_host(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return text::is_alpha(c) || text::is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

// The first name of the list, which is the only one that there may be. What is malformed names
// nobody; OpenSSL ends such a handshake.
std::string first_of(std::string_view list) {
  constexpr std::size_t head = 5;  // the list's length, a kind, the name's length: big-endian
  if (list.size() <= head || list[2] != TLSEXT_NAMETYPE_host_name) return {};
  const std::size_t size =
      (static_cast<unsigned char>(list[3]) << 8U) | static_cast<unsigned char>(list[4]);
  const std::string_view name = list.substr(head).substr(0, size);
  return name.size() == size && is_host(name) ? std::string(name) : std::string();
}

}  // namespace

std::string host_of_hello(SSL* ssl) {
  const unsigned char* list = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &list, &size) != 1) return {};
  return first_of({reinterpret_cast<const char*>(list), size});
}

}  // namespace cgisrv::tls
