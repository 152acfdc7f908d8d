#include "net/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

namespace cgisrv::net {

namespace {

constexpr std::size_t addresses_max = 8;

bool is_for_others(const Address& address) {
  if (address.loopback()) return false;
  if (address.family() == AF_INET) return true;
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
  return !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

}  // namespace

std::vector<Address> interface_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(first, &::freeifaddrs);
  std::vector<Address> found;
  for (const int family : {AF_INET, AF_INET6})
    for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
      if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != family) continue;
      if ((each->ifa_flags & IFF_UP) == 0 || found.size() == addresses_max) continue;
      const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      sockaddr_storage storage{};
      std::memcpy(&storage, each->ifa_addr, size);
      if (auto address = Address::from_kernel(storage, size); is_for_others(address))
        found.push_back(address);
    }
  return found;
}

}  // namespace cgisrv::net
