#include "connection/connections.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/config.h"

namespace cgisrv::connection {

namespace {
// Even in a crowd, time for a client that is new, or has just begun to send.
constexpr auto head_timeout = std::chrono::seconds(1);
// The same for one in the middle of an exchange.
constexpr auto exchange_timeout = std::chrono::seconds(5);

// Several at once: where one client wants a connection, more will mostly follow.
std::size_t share_of(std::size_t connections) {
  return std::clamp<std::size_t>(connections / 8, 1, 32);
}

}  // namespace

Connections::Connections(pool::Worker& worker, exchange::Host& host,
                         const std::vector<net::Address>& addresses, std::span<char> scratch)
    : worker_(worker),
      host_(host),
      addresses_(addresses),
      scratch_(scratch),
      let_go_of_slow_(worker.loop(), Callback::of<&Connections::let_go_of_slow>(*this)) {}

const config::Limits& Connections::limits() const {
  return host_.config().limits;
}

void Connections::add(std::unique_ptr<Connection> connection) {
  auto& list = connections_[static_cast<std::size_t>(connection->use())];
  list.push_back(std::move(connection));
  Connection& added = *list.back();
  added.position_ = std::prev(list.end());
  count_busy();
  added.start();
  if (are_ending_) added.close_after_next();
}

void Connections::forget(Connection& connection) {
  auto position = connection.position_;
  loop().dispose(std::move(*position));
  connections_[static_cast<std::size_t>(connection.use())].erase(position);
  count_busy();
}

void Connections::place(Connection& connection, Connection::Use use) {
  auto& from = connections_[static_cast<std::size_t>(connection.use())];
  auto& to = connections_[static_cast<std::size_t>(use)];
  to.splice(to.end(), from, connection.position_);
  count_busy();
}

void Connections::count_busy() {
  const auto& busy = connections_[static_cast<std::size_t>(Connection::Use::busy)];
  worker_.count_busy(static_cast<std::uint32_t>(busy.size()));
}

// `act` may take a connection out of its list, or move it to another list, where it is met again.
template <typename Act>
void Connections::for_each_connection(Act act) {
  is_in_lists_ = true;
  for (auto& list : connections_)
    for (auto next = list.begin(); next != list.end();)
      act(**next++);
  is_in_lists_ = false;
}

void Connections::drain() {
  are_ending_ = true;
  for_each_connection([](Connection& connection) { connection.drain(); });
}

// A client may be sending its next request just now. So nothing is closed before that has been
// answered, with the notice that it is the last one.
void Connections::close_after_next() {
  are_ending_ = true;
  for_each_connection([](Connection& connection) { connection.close_after_next(); });
}

void Connections::close_all() {
  for_each_connection([](Connection& connection) { connection.close(); });
}

void Connections::crowded(bool has_made_room) {
  using Use = Connection::Use;
  if (is_in_lists_) return;
  for (const Use use : {Use::idle, Use::head}) {
    const auto& list = connections_[static_cast<std::size_t>(use)];
    const bool may_speak = use == Use::head && !list.empty() &&
                           loop().now() - list.front()->used_since() < head_timeout;
    if (list.empty() || may_speak) continue;
    return tell_of_crowd(let_go(use, share_of(list.size())));
  }
  if (!has_made_room) let_go_of_slow_.arm(loop().now());  // not now: the caller may be one of them
}

bool Connections::begin_beside() {
  std::size_t taken = beside_;
  for (const auto& list : connections_)
    taken += list.size();
  if (taken < places_) {
    ++beside_;
    return true;
  }
  if (refusals_.pass(loop().now()))
    log::line(log::Level::notice,
              "worker {}: as many connections and requests are open as descriptors suffice for; "
              "requests beside others of their connection are refused",
              worker_.index());
  crowded();
  return false;
}

void Connections::make_room() {
  using Use = Connection::Use;
  for (const Use use : {Use::idle, Use::head, Use::busy})
    if (let_go(use, 1) > 0) return;
}

std::size_t Connections::let_go(Connection::Use use, std::size_t most) {
  auto& list = connections_[static_cast<std::size_t>(use)];
  std::size_t count = 0;
  const TimePoint young = loop().now() - head_timeout;
  for (; count < most && !list.empty(); ++count) {
    if (use == Connection::Use::head && count > 0 && list.front()->used_since() > young) break;
    list.front()->close();
  }
  return count;
}

void Connections::let_go_of_slow() {
  auto& busy = connections_[static_cast<std::size_t>(Connection::Use::busy)];
  std::vector<std::pair<Clock::duration, Connection*>> slow;
  for (const auto& connection : busy)
    if (const auto waited = connection->waited_for_client(); waited > exchange_timeout)
      slow.emplace_back(waited, connection.get());
  const std::size_t count = std::min(slow.size(), share_of(busy.size()));
  std::ranges::partial_sort(slow, slow.begin() + static_cast<std::ptrdiff_t>(count),
                            std::ranges::greater{});
  for (std::size_t i = 0; i < count; ++i)
    slow[i].second->close();
  if (count > 0) tell_of_crowd(count);
}

void Connections::tell_of_client(log::Level level, std::string_view line) {
  if (client_faults_.pass(loop().now())) log::line(level, "{}{}", line, client_faults_.left_out());
}

void Connections::tell_of_crowd(std::size_t count) {
  let_go_ += count;
  if (!crowds_.pass(loop().now())) return;
  log::line(log::Level::notice,
            "worker {}: connections or descriptors are short; closed {} connections whose clients "
            "were idle, or slow to send or to read (see worker_connections)",
            worker_.index(), std::exchange(let_go_, 0));
}

}  // namespace cgisrv::connection
