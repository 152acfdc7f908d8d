// The addresses by which other machines reach this one.
#pragma once

#include <vector>

#include "net/address.h"

namespace cgisrv::net {

// Of all interfaces that are up, without port, at most 8, IPv4 first. No loopback addresses, and no
// link-local ones, which only work with an interface's name.
std::vector<Address> interface_addresses();

}  // namespace cgisrv::net
