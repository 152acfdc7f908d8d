// How a listener is told to people.
#pragma once

#include <string>

#include "net/address.h"

namespace cgisrv::server {

// "http://127.0.0.1:8888/"; for the unspecified address a name that a browser can open. A unix
// socket has none: its address.
std::string address_url(const net::Address& address);

}  // namespace cgisrv::server
