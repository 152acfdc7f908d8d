#include "http/host.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"

namespace cgisrv::http {

std::string canonical_host(std::string_view host) {
  if (host.ends_with('.') && host != ".") host.remove_suffix(1);
  std::string name(host);
  std::ranges::transform(name, name.begin(), text::lower);
  return name;
}

bool is_address_literal(std::string_view host) {
  if (host.starts_with('[')) return true;  // parse_authority() has checked it
  in_addr address;
  return ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

}  // namespace cgisrv::http
