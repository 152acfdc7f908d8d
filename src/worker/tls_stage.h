// The stage before a connection's session, at listeners with TLS: until its handshake is done.
//
//                      ready: something has come
//     waiting  <------------------------------------>  due  ---> handed over
//                      the client has to go on
//
// A handshake computes for up to some milliseconds. So those that can go on form a queue, of which
// each turn of the loop takes a share, but at least one: other connections are served in between.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <chrono>
#include <functional>
#include <list>
#include <memory>

#include "config/forward.h"
#include "event/turn_queue.h"
#include "net/transport.h"
#include "proxy/proxy_header.h"
#include "telemetry/handshakes.h"
#include "tls/contexts.h"

namespace cgisrv::worker {

class TlsStage {
 public:
  // A connection, and what encrypts it; or what says that its client speaks in the clear.
  using Ready = std::function<void(pool::Connection, std::unique_ptr<net::Transport>,
                                   std::unique_ptr<proxy::Proxied>)>;

  // All outlive it. `contexts`: null if no listener has TLS; `count`: null for none. Without sites,
  // all hosts see the only certificate.
  TlsStage(Loop& loop, const config::Config& config, tls::Contexts* contexts,
           telemetry::Handshakes* count, Ready ready);
  ~TlsStage();

  static constexpr std::chrono::microseconds share{300};  // of a turn

  // One of a listener that has TLS. Closed if its handshake fails, or takes longer than
  // header_timeout.
  void accepted(pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied,
                bool offers_http2);
  // The worker is about to end. Handshakes that are under way may end well, as requests do, but
  // have little time left; so have those of connections that are still handed over.
  void drain();
  void close_all();
  // Closes the connection whose client has not gone on for longest, if that is a second or more.
  // Returns whether there was one.
  bool make_room();

 private:
  class Opening;
  using List = std::list<std::unique_ptr<Opening>>;

  void move_back(Opening& opening);
  void forget(Opening& opening);

  Loop& loop_;
  const config::Config& config_;
  tls::Contexts* const contexts_;
  telemetry::Handshakes* const count_;
  Ready ready_;
  TurnQueue due_;
  bool is_draining_ = false;
  List openings_;  // whose client has not gone on for longest is first
};

}  // namespace cgisrv::worker
