// Connects to a server, without waiting: connect(2) on a non-blocking socket.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>

#include <chrono>
#include <span>
#include <string>

#include "net/address.h"

namespace cgisrv::backend {

class Connector {
 public:
  static constexpr std::chrono::seconds timeout{5};

  // `decided` is called once after begin(), perhaps before that returns.
  Connector(Loop& loop, Callback decided)
      : loop_(loop),
        decided_(decided),
        again_(loop, Callback::of<&Connector::try_again>(*this)),
        late_(loop, Callback::of<&Connector::give_up>(*this)) {}

  // Tries the addresses, at least one, in turn; each has its share of the time. They outlive the
  // attempt. May be called again after `decided`.
  void begin(std::span<const std::string> addresses);
  // 0: connected; else that of the first address. EAGAIN: of a unix socket whose backlog was full
  // all the time.
  int error() const { return error_; }
  Fd take() { return std::move(connected_); }

 private:
  void try_next();
  void try_again();
  void connect();
  void writable();
  void give_up();
  void decide(int error);

  Loop& loop_;
  Callback decided_;
  std::span<const std::string> left_;  // to be tried
  std::chrono::milliseconds share_{};  // of each
  net::Address address_;
  WatchedFd socket_;  // while it is being connected
  Fd connected_;
  int error_ = 0;
  Timer again_;  // for a full backlog, which no event tells of
  Timer late_;
};

}  // namespace cgisrv::backend
