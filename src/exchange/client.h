// Who makes a request, and by which way it comes. The same for as long as its exchange lasts.
#pragma once

#include <string_view>

#include "access/peer.h"
#include "cgi/environment.h"

namespace cgisrv::exchange {

struct Gateway;  // exchange/gateway.h

// From where the listener can be reached that has accepted the request.
struct Reach {
  bool loopback = false;     // from this machine alone
  bool unix_socket = false;  // by no host name
};

class Client {
 public:
  virtual const cgi::Endpoints& endpoints() = 0;
  virtual Reach reach() const = 0;
  virtual access::Peer peer() const = 0;  // who connected, or for whom, by the PROXY protocol
  // Who connected, if by the PROXY protocol; else empty.
  virtual std::string_view proxy_address() const { return {}; }
  // Whether the id in its fields is that one's, though its peer is another.
  virtual bool proxy_names_requests() const { return false; }
  // What a web server says that has passed the request on by FastCGI or SCGI; null: none has.
  virtual const Gateway* gateway() const { return nullptr; }

 protected:
  ~Client() = default;
};

}  // namespace cgisrv::exchange
