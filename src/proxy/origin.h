// For whom a request is made, and at which public address: what the proxies in front say, as far as
// they are trusted. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/address_set.h"
#include "access/peer.h"
#include "base/result.h"
#include "http/message.h"

namespace cgisrv::proxy {

struct Origin {
  access::Peer client;
  std::string client_port;  // empty where it is not known
  bool by_proxy = false;    // the peer is trusted, and asks for somebody else
  // The public address, each part where it is said.
  std::optional<bool> https;
  std::string authority;  // as said: "example.org:8443"
  std::string host;       // of it, without the port
  std::optional<std::uint16_t> port;
  // What programs may see in place of all proxies' fields: what was believed.
  std::vector<http::Field> fields;
};

// Forwarded, X-Forwarded-*, X-Real-IP: fields in which a proxy says for whom it asks.
bool speaks_for_others(std::string_view field_name);
// These, and Via: whether a request shows that it came by a proxy.
bool shows_proxy(std::span<const http::FieldView> fields);

// A peer that is not in `trusted` is the client, whatever it says. One that is says who asked it;
// if that is trusted too, who asked that one, and so on: the last of the list, from the right, that
// is not trusted is the client. Further to the left nothing is read.
//
// - A loopback address named by a proxy on another machine means that machine.
// - "unknown", a hidden name, or a proxy that shows itself and names nobody: an unknown client.
// - X-Forwarded-Proto, -Host and -Port may be lists too: the value that stands as far from the
//   right as the client in X-Forwarded-For, else the first. In Forwarded, it is that of the
//   client's hop, else of the next one to the right that has it.
// - Forwarded and X-Forwarded-* have to agree in what both say. Whatever a proxy does not set
//   itself, it mostly passes on from its client; so if they differ, one may be forged: an error.
//
// An error is also what was to be believed and cannot be read. It says what to do about the proxy.
Result<Origin> find_origin(const access::Peer& peer, const access::AddressSet& trusted,
                           std::span<const http::FieldView> fields);

}  // namespace cgisrv::proxy
