// The stage before a connection's session, at listeners with proxy_protocol: until its first bytes
// have said for whom it is. Only what belongs to the header is taken from the socket, so that
// whatever comes after it, of any protocol, is still there.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string_view>

#include "access/peer.h"
#include "base/rare_lines.h"
#include "config/forward.h"
#include "proxy/proxy_header.h"

namespace cgisrv::worker {

class ProxyStage {
 public:
  // Called with each connection whose header is whole.
  using Ready = std::function<void(pool::Connection, std::unique_ptr<proxy::Proxied>)>;

  // `config` outlives it.
  ProxyStage(Loop& loop, const config::Config& config, Ready ready);
  ~ProxyStage();

  // One of a listener that has proxy_protocol, by who may speak it. Closed if the header is
  // malformed or takes longer than header_timeout.
  void accepted(pool::Connection connection);
  // A header that is here by now is still read; the other connections are closed.
  void drain();
  void close_all();
  // Closes the connection that has been silent for longest, if that is a second or more. Returns
  // whether there was one.
  bool make_room();

 private:
  class Waiting;
  using Position = std::list<std::unique_ptr<Waiting>>::iterator;

  void forget(Waiting& waiting);
  // A proxy that is set up otherwise causes a line with each of its connections.
  void tell(const access::Peer& proxy, std::string_view problem);

  Loop& loop_;
  const config::Config& config_;
  Ready ready_;
  std::list<std::unique_ptr<Waiting>> waiting_;  // the oldest first
  log::RareLines lines_{std::chrono::seconds(10)};
};

}  // namespace cgisrv::worker
