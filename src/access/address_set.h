// A set of clients, as a list in a configuration says it: addresses, networks and words. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/peer.h"
#include "base/result.h"

namespace cgisrv::access {

// An address and those that have its first bits.
class Network {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or one address. An error says what to write instead, as for
  // bits beyond the prefix, which may be a mistyped length.
  static Result<Network> parse(std::string_view text);

  // IPv4 and IPv6 are apart: "::/0" has no IPv4 address.
  bool contains(const Ip& ip) const;
  // All addresses of `other`.
  bool covers(const Network& other) const;

 private:
  Ip first_;
  unsigned bits_ = 0;  // of 128
};

class AddressSet {
 public:
  // Adds "local", "unix", "all", an address or a network. Returns what is wrong with it, or
  // nothing.
  std::string add(const std::string& text);

  // local: Peer::is_local. unix: whoever connects by a unix socket. all: everybody, unknown
  // clients too. Else by the address, wherever it comes from.
  bool contains(const Peer& peer) const;
  // Whether everybody is in it who is in `other`. False, too, where it takes several networks
  // together.
  bool covers(const AddressSet& other) const;
  // Nobody is in it.
  bool empty() const { return texts_.empty(); }
  bool has(std::string_view text) const;
  // As in the configuration: ["192.0.2.0/24", "local"].
  std::string text() const;

 private:
  std::vector<std::string> texts_;
  std::vector<Network> networks_;
  bool local_ = false;
  bool unix_ = false;
  bool all_ = false;
};

}  // namespace cgisrv::access
