#include "gateway/session.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "connection/connections.h"
#include "gateway/other_protocol.h"

namespace cgisrv::gateway {

using config::Duration;

namespace {

constexpr std::size_t turn_bytes_max = 1 << 20;  // sent in one turn
// Responses keep to the room that there is; beside them stand answers to records.
constexpr std::size_t output_bytes_max = 4 * net::Output::bytes_max;
constexpr std::size_t linger_bytes_max = 256 << 20;  // that are read after the end
constexpr Duration linger_timeout{5'000};            // for the web server to close

}  // namespace

Session::Session(connection::Connections& connections, connection::Client client,
                 const config::Listen& listen)
    : connection::Connection(connections),
      client_(std::move(client)),
      listen_(listen),
      input_timer_(connections.loop(), Callback::of<&Session::input_due>(*this)),
      head_timer_(connections.loop(), Callback::of<&Session::head_due>(*this)),
      resume_timer_(connections.loop(), Callback::of<&Session::resume>(*this)),
      send_timer_(connections.loop(), Callback::of<&Session::output_due>(*this)) {}

Loop& Session::loop() const {
  return connections_.loop();
}
exchange::Host& Session::host() const {
  return connections_.host();
}
const config::Limits& Session::limits() const {
  return connections_.limits();
}
const net::Address& Session::address() const {
  return connections_.address(client_.listener());
}

void Session::start() {
  watch_ = Watch(loop(), client_.stream.fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                 WatchCallback::of<&Session::socket_ready>(*this));
  if (!watch_) return close();
  send_timer_.refill(limits().send_timeout, limits().send_rate);
  set_use(Use::head);  // a silent new connection has no claim to the keep-alive time
  input_timer_.arm_after(limits().header_timeout);
}

// What has arrived by now is answered.
void Session::drain() {
  closes_at_end_ = true;
  if (!is_open()) return;
  readable_ = true;
  go_on_later();
}

Clock::duration Session::waited_for_client() const {
  if (state_ == State::lingering) return loop().now() - used_since();
  Clock::duration longest = send_timer_.spent();
  for (const auto& stream : streams_)
    longest = std::max(longest, stream->waited_for_client());
  return longest;
}

// ---- streams -----------------------------------------------------------------------------------

Stream* Session::find(std::uint16_t id) {
  const auto found = std::ranges::find_if(
      streams_, [id](const auto& each) { return each->id() == id && !each->is_closed(); });
  return found == streams_.end() ? nullptr : found->get();
}

std::size_t Session::count() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(streams_, [](const auto& each) { return !each->is_closed(); }));
}

bool Session::has_place_for_one() {
  if (streams_.empty()) return true;
  set_use(Use::busy);  // whoever looks for one to close must not take this
  input_timer_.disarm();
  if (!connections_.begin_beside()) return false;
  ++places_;
  return true;
}

void Session::give_place_back() {
  if (places_ == 0) return;
  --places_;
  connections_.end_beside();
}

Stream& Session::begin(std::uint16_t id) {
  has_had_request_ = true;
  if (++requests_ >= limits().keepalive_requests) closes_at_end_ = true;
  return *streams_.emplace_back(std::make_unique<Stream>(*this, id));
}

void Session::write_content(const Stream& stream, std::string_view bytes) {
  append_content(output_.back(), stream, bytes);
}

void Session::write_errors(const Stream& stream, std::string_view bytes) {
  append_errors(output_.back(), stream, bytes);
}

void Session::write_end(const Stream& stream, bool is_whole) {
  if (host().leaving()) closes_at_end_ = true;
  append_end(output_.back(), stream, is_whole);
}

// Alone on its connection: that breaks off. Else the other streams go on.
void Session::cut(Stream& stream) {
  if (streams_.size() > 1) return write_end(stream, false);
  closes_at_end_ = true;
  is_cut_ = !shows_end();
  append_break(output_.back());
}

// ---- events ------------------------------------------------------------------------------------

void Session::socket_ready(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close();
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) writable_ = true;
  resume();
}

void Session::go_on_later() {
  if (!is_resuming_ && state_ != State::closed && !resume_timer_.armed())
    resume_timer_.arm_after(Duration::zero());
}

// Tries everything that may have become possible, never with a handler on the stack.
void Session::resume() {
  if (is_resuming_) return;
  is_resuming_ = true;
  Turn turn;
  bool more = true;
  while (more && state_ != State::closed) {
    more = read_input();
    send();
    tell_streams(turn);
    if (more && turn.is_over()) {
      resume_timer_.arm_after(Duration::zero());
      break;
    }
  }
  is_resuming_ = false;
  settle();
}

// Whose body nobody takes, or who makes us answer and reads no answers, is not read from.
bool Session::is_full() const {
  return output_.size() >= output_bytes_max ||
         std::ranges::any_of(streams_, &Stream::is_full, &std::unique_ptr<Stream>::operator*);
}

// Reads once. Returns whether anything came.
bool Session::read_input() {
  if (!readable_ || (is_open() && is_full())) return false;
  const auto space = connections_.scratch();
  const net::Io io = client_.stream.read(space);
  // The end of the stream causes no other edge if it was there before the last read; a read that
  // finds nothing costs less than to ask.
  if (io.status == net::Io::Status::blocked) readable_ = false;
  if (io.status == net::Io::Status::ended || io.status == net::Io::Status::failed) close();
  if (io.status != net::Io::Status::ok) return false;
  if (!is_open()) {
    lingered_ += io.bytes;
    if (lingered_ > linger_bytes_max) close();
    return true;
  }
  const std::string_view bytes(space.data(), io.bytes);
  const bool is_first = !std::exchange(has_had_input_, true);
  const auto problem = take(bytes);
  if (problem.empty()) return true;
  note(problem, is_first ? bytes : std::string_view());
  close();
  return true;
}

// `first`: what a connection has begun with.
void Session::note(std::string_view problem, std::string_view first) {
  static RareLines lines;
  std::string line = why_not_understood(first, listen_.protocol, address().text());
  if (line.empty())
    line = fmt::format("{} has sent {}; its connection is closed", client_.peer().text(), problem);
  line = lines.pass(loop().now(), line);
  if (!line.empty()) log::line(log::Level::notice, "{}", line);
}

// Each in its turn: who has just been told is told last the next time.
void Session::tell_streams(Turn& turn) {
  for (std::size_t left = streams_.size(); left > 0 && is_open(); --left) {
    Stream& stream = *streams_.front();
    streams_.splice(streams_.end(), streams_, streams_.begin());
    stream.go_on();
    if (is_open() && stream.waits_for_room()) stream.tell_of_room();
    if (turn.is_over()) return go_on_later();
  }
}

void Session::input_due() {
  if (head_timer_.armed()) return head_due();
  close();
}

void Session::head_due() {
  log::line(log::Level::notice,
            "{} has not sent a whole request in time (header_timeout); its connection is closed",
            client_.peer().text());
  close();
}

// Checks whether the web server has taken bytes. The kernel reports room only when much of a large
// buffer is free.
void Session::output_due() {
  earn_delivered();
  if (send_timer_.left() == Clock::duration::zero()) return close();
  send_timer_.wait();
}

// Bytes on their way do not count as taken.
void Session::earn_delivered() {
  const std::uint64_t delivered = written_ - std::min(written_, client_.stream.unacknowledged());
  if (delivered > delivered_) send_timer_.earn(delivered - delivered_);
  delivered_ = std::max(delivered, delivered_);
}

// ---- sending -----------------------------------------------------------------------------------

void Session::send() {
  if (!is_open()) return;
  const std::uint64_t end = written_ + turn_bytes_max;
  while (writable_ && !output_.empty()) {
    const auto status = output_.flush(client_.stream, written_, end - written_);
    if (status == net::Io::Status::failed) return close();
    writable_ = status != net::Io::Status::blocked;
    if (written_ < end) continue;
    go_on_later();
    break;
  }
  check_streams();
  if (!is_resuming_) settle();
}

// After sending: ends what is sent, and sees whether the web server is to be waited for.
void Session::check_streams() {
  for (const auto& stream : streams_)
    stream->sent(written_);
  if (writable_) return send_timer_.pause();
  if (!send_timer_.waiting()) earn_delivered();
  send_timer_.wait();
}

// ---- states ------------------------------------------------------------------------------------

bool Session::may_go_on() const {
  return (writable_ && !output_.empty()) || (readable_ && !is_full()) ||
         std::ranges::any_of(streams_, [](const auto& stream) {
           return stream->waits_for_room() || stream->has_news();
         });
}

// Frees what is over, and goes on to the next state if that is due.
void Session::settle() {
  if (!is_open()) return;
  std::erase_if(streams_, [this](std::unique_ptr<Stream>& stream) {
    if (!stream->is_over()) return false;
    give_place_back();
    loop().dispose(std::move(stream));
    return true;
  });
  const bool is_head_open = watch_heads();
  update_use();
  const bool is_quiet = streams_.empty() && output_.empty() && !is_head_open;
  if (is_quiet && is_cut_) {
    client_.stream.reset_on_close();
    return close();
  }
  if (is_quiet && closes_at_end_ && !(readable_ && !has_had_request_)) return end();
  if (may_go_on()) go_on_later();
}

// Each head has its own time. Returns whether any is open.
bool Session::watch_heads() {
  std::optional<TimePoint> oldest;
  for (const auto& stream : streams_)
    if (stream->is_in_head()) oldest = std::min(oldest.value_or(stream->began()), stream->began());
  if (oldest) {
    head_timer_.arm(*oldest + limits().header_timeout);
  } else if (!is_in_head()) {
    head_timer_.disarm();
    return false;
  } else if (!head_timer_.armed()) {
    head_timer_.arm_after(limits().header_timeout);
  }
  return true;
}

void Session::update_use() {
  const bool has_begun =
      std::ranges::any_of(streams_, &Stream::has_begun, &std::unique_ptr<Stream>::operator*);
  const Use now = has_begun                              ? Use::busy
                  : has_had_request_ && streams_.empty() ? Use::idle
                                                         : Use::head;
  if (now == use()) return;
  set_use(now);
  if (now == Use::idle) return input_timer_.arm_after(limits().keepalive_timeout);
  input_timer_.disarm();
}

// What was sent may be lost if we close while the web server still sends. So we shut our side, and
// drop all input until it has seen that, or takes too long.
void Session::end() {
  state_ = State::lingering;
  set_use(Use::busy);
  send_timer_.pause();
  head_timer_.disarm();
  client_.stream.finish_writing();
  input_timer_.arm_after(linger_timeout);
  readable_ = true;
  go_on_later();
}

void Session::drop_streams() {
  for (const auto& stream : streams_)
    stream->client_gone();
}

void Session::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  drop_streams();
  while (places_ > 0)
    give_place_back();
  set_use(Use::busy);
  for (Timer* const timer : {&input_timer_, &head_timer_, &resume_timer_})
    timer->disarm();
  send_timer_.pause();
  watch_.forget();
  client_.stream.close();
  connections_.forget(*this);
}

}  // namespace cgisrv::gateway
