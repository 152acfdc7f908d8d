// The connections of one process, of any protocol: keeps them by use, and closes some when there
// are too many.
#pragma once

#include <cgisrv/pool.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/rare_lines.h"
#include "config/forward.h"
#include "connection/connection.h"
#include "exchange/host.h"
#include "net/address.h"

namespace cgisrv::connection {

class Connections {
 public:
  // All arguments outlive it. `host` answers requests; `addresses` are those of the listeners, in
  // their order; `scratch` is only used during a call.
  Connections(pool::Worker& worker, exchange::Host& host,
              const std::vector<net::Address>& addresses, std::span<char> scratch);

  void add(std::unique_ptr<Connection> connection);
  // Each connection ends after its current exchange; at once when there is none. One that is added
  // later ends after its next response.
  void drain();
  // Each connection ends after its next response, and each that is added later.
  void close_after_next();
  void close_all();
  // Closes the connections that have been idle longest, or have been slowest to send a head. If
  // there are none, the next turn closes those whose clients are slowest to send a body or to read;
  // but not where one that had not come as far as here `has_made_room`.
  void crowded(bool has_made_room = false);
  // The same, or else closes the oldest.
  void make_room();

  // Requests that run beside the first one of their connection take descriptors as connections do:
  // all of these together are at most `most`.
  void bound_requests(std::size_t most) { places_ = most; }

  // ---- for connections
  Loop& loop() const { return worker_.loop(); }
  exchange::Host& host() { return host_; }
  const config::Limits& limits() const;
  const net::Address& address(unsigned listener) const { return addresses_[listener]; }
  std::span<char> scratch() { return scratch_; }
  // The connection has changed its use.
  void place(Connection& connection, Connection::Use use);
  void forget(Connection& connection);
  // Whether a request may run beside others of its connection. Each that may ends by end_beside().
  bool begin_beside();
  void end_beside() { --beside_; }
  // Logs what a client has done wrong, in a line of which each client could cause any number.
  void tell_of_client(log::Level level, std::string_view line);

 private:
  std::size_t let_go(Connection::Use use, std::size_t most);
  void let_go_of_slow();
  void tell_of_crowd(std::size_t count);
  void count_busy();
  template <typename Act>
  void for_each_connection(Act act);

  pool::Worker& worker_;
  exchange::Host& host_;
  const std::vector<net::Address>& addresses_;
  std::span<char> scratch_;
  Timer let_go_of_slow_;
  // by use, each list ordered by how long they have been so, longest first
  std::array<std::list<std::unique_ptr<Connection>>, Connection::uses> connections_;
  std::size_t places_ = SIZE_MAX;
  std::size_t beside_ = 0;   // requests, beside the first of each connection
  bool are_ending_ = false;  // those that are added, too: see drain() and close_after_next()
  std::size_t let_go_ = 0;   // closed, and not yet reported
  log::RareLines crowds_{std::chrono::minutes(1)};
  log::RareLines refusals_{std::chrono::minutes(1)};
  log::RareLines client_faults_{std::chrono::seconds(10)};
  bool is_in_lists_ = false;  // iterating over them: nothing else may be closed
};

}  // namespace cgisrv::connection
