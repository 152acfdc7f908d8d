// Who may connect to a listener: `allow` of [[listen]], asked before a byte is read.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <chrono>
#include <cstdint>

#include "access/peer.h"
#include "config/config.h"

namespace cgisrv::worker {

class ListenerAccess {
 public:
  static constexpr auto interval = std::chrono::seconds(10);

  // Whether whoever has connected may; behind a proxy this is the proxy. The log names who may not,
  // once in each interval, and says how many others there were.
  bool lets_in(const config::Listen& listen, const pool::Connection& connection, TimePoint now);

 private:
  void tell(const config::Listen& listen, const access::Peer& peer, TimePoint now);

  TimePoint told_again_{};  // not before
  std::uint64_t untold_ = 0;
};

}  // namespace cgisrv::worker
