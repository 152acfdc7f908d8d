// A listener's address as shown to people.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/forward.h"
#include "net/address.h"

namespace cgisrv::master {

// "http://127.0.0.1:8888/"; for the unspecified address a name that a browser on this machine can
// open. A unix socket has no URL: its address.
std::string address_url(const net::Address& address, bool tls = false);

// The same of a listener, whatever is spoken there: "127.0.0.1:9000 (FastCGI)".
std::string listener_text(const net::Address& address, const config::ListenerOptions& options);

// URLs for people at other machines, if the listener takes every interface; else none.
// `interfaces`: this machine's addresses.
std::vector<std::string> urls_for_others(const net::Address& address, bool tls,
                                         std::span<const net::Address> interfaces);

}  // namespace cgisrv::master
