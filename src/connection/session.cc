#include "connection/session.h"

#include <algorithm>
#include <utility>

#include "connection/connections.h"

namespace cgisrv::connection {

namespace {
constexpr config::Duration linger_timeout{5'000};  // for the client to close
}  // namespace

Session::Session(Connections& connections, Client client, std::uint64_t linger_bytes_max)
    : Connection(connections),
      client_(std::move(client)),
      head_timer_(connections.loop(), Callback::of<&Session::head_due>(*this)),
      send_timer_(connections.loop(), Callback::of<&Session::output_due>(*this)),
      input_timer_(connections.loop(), Callback::of<&Session::input_due>(*this)),
      resume_timer_(connections.loop(), Callback::of<&Session::resume>(*this)),
      linger_bytes_(linger_bytes_max) {}

Loop& Session::loop() const {
  return connections_.loop();
}
exchange::Host& Session::host() const {
  return connections_.host();
}
const config::Limits& Session::limits() const {
  return connections_.limits();
}

void Session::tell_of_client(log::Level level, std::string_view line) {
  connections_.tell_of_client(level, line);
}

bool Session::watch_client() {
  watch_ = Watch(loop(), client_.stream.fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                 WatchCallback::of<&Session::socket_ready>(*this));
  if (!watch_) return false;
  readable_ = client_.stream.holds_more();
  send_timer_.refill(limits().send_timeout, limits().send_rate);
  set_use(Use::head);  // a silent new connection has no claim to the keep-alive time
  input_timer_.arm_after(limits().header_timeout);
  return true;
}

Clock::duration Session::waited_for_client() const {
  if (state_ == State::lingering) return loop().now() - used_since();
  return std::max(send_timer_.spent(), waited_for_streams());
}

// ---- events ------------------------------------------------------------------------------------

void Session::socket_ready(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return drop();
  has_left_ |= (events & EPOLLRDHUP) != 0;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) writable_ = true;
  if (client_.stream.has_unsent_end()) readable_ = true;
  resume();
}

void Session::go_on_later() {
  if (!is_resuming_ && state_ != State::closed && !resume_timer_.armed())
    resume_timer_.arm_after(Clock::duration::zero());
}

// Tries everything that may have become possible, never with a handler on the stack.
void Session::resume() {
  if (is_resuming_) return;
  is_resuming_ = true;
  Turn turn;
  while (state_ != State::closed && go_on(turn))
    if (turn.is_over()) {
      resume_timer_.arm_after(Clock::duration::zero());
      break;
    }
  is_resuming_ = false;
  settle();
}

bool Session::read_input() {
  if (!readable_) return false;
  const auto space = connections_.scratch();
  const net::Io io = client_.stream.read(space);
  // A short read has emptied the socket: later bytes are a new edge.
  if (io.status != net::Io::Status::ok || io.bytes < space.size())
    readable_ = client_.stream.holds_more();
  if (io.status == net::Io::Status::ended || io.status == net::Io::Status::failed) drop();
  if (io.status != net::Io::Status::ok) return false;
  readable_ |= has_left_;  // which causes no other edge if it was so before
  if (is_open()) {
    received({space.data(), io.bytes});
  } else if (io.bytes > linger_bytes_) {
    drop();
  } else {
    linger_bytes_ -= io.bytes;
  }
  return true;
}

// Checks whether the client has taken bytes. The kernel reports room only when much of a large
// buffer is free.
void Session::output_due() {
  earn();
  if (send_timer_.left() == Clock::duration::zero()) return drop();
  send_timer_.wait();
}

void Session::wait_for_client(bool waits) {
  if (!waits) return send_timer_.pause();
  if (!send_timer_.waiting()) earn();
  send_timer_.wait();
}

// ---- streams -----------------------------------------------------------------------------------

bool Session::may_begin() {
  if (running_ == 0) return true;
  change_use(Use::busy);  // whoever looks for one to close must not take this
  return connections_.begin_beside();
}

void Session::stream_ends() {
  if (--running_ > 0) connections_.end_beside();
}

void Session::change_use(Use now) {
  if (now == use()) return;
  set_use(now);
  if (now == Use::idle) return input_timer_.arm_after(limits().keepalive_timeout);
  input_timer_.disarm();
}

// ---- the end -----------------------------------------------------------------------------------

// What was sent may be lost if we close while the client still sends. So we shut our side, and drop
// all input until the client has seen that, or takes too long.
void Session::linger() {
  if (!is_open()) return;
  drop_streams();
  state_ = State::lingering;
  set_use(Use::busy);
  send_timer_.pause();
  head_timer_.disarm();
  client_.stream.finish_writing();
  input_timer_.arm_after(linger_timeout);
  readable_ = true;
  go_on_later();
}

void Session::drop() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  drop_streams();
  set_use(Use::busy);
  for (Timer* const timer : {&input_timer_, &head_timer_, &resume_timer_})
    timer->disarm();
  send_timer_.pause();
  watch_.forget();
  client_.stream.close();
  connections_.forget(*this);
}

}  // namespace cgisrv::connection
