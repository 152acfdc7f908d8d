#include "gateway/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "connection/connections.h"
#include "gateway/other_protocol.h"

namespace cgisrv::gateway {

namespace {

// Responses keep to the room that there is; beside them stand answers to records.
constexpr std::size_t output_bytes_max = 4 * net::Output::bytes_max;
constexpr std::size_t linger_bytes_max = 256 << 20;

}  // namespace

Session::Session(connection::Connections& connections, connection::Client client,
                 const config::ListenerOptions& listen)
    : connection::Session(connections, std::move(client), linger_bytes_max), listen_(listen) {}

void Session::start() {
  if (!watch_client()) close();
}

// What has arrived by now is answered.
void Session::drain() {
  closes_at_end_ = true;
  if (!is_open()) return;
  readable_ = true;
  go_on_later();
}

Clock::duration Session::waited_for_streams() const {
  Clock::duration longest{};
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

Stream& Session::begin(std::uint16_t id) {
  has_had_request_ = true;
  stream_begins();
  if (is_last_request()) closes_at_end_ = true;
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

bool Session::go_on(Turn& turn) {
  const bool more = !(is_open() && is_full()) && read_input();
  send();
  tell_streams(turn);
  return more;
}

// Whose body nobody takes, or who makes us answer and reads no answers, is not read from.
bool Session::is_full() const {
  return output_.size() >= output_bytes_max ||
         std::ranges::any_of(streams_, &Stream::is_full, &std::unique_ptr<Stream>::operator*);
}

void Session::received(std::string_view bytes) {
  const bool is_first = !std::exchange(has_had_input_, true);
  const auto problem = take(bytes);
  if (problem.empty()) return;
  note(problem, is_first ? bytes : std::string_view());
  close();
}

// `first`: what a connection has begun with.
void Session::note(std::string_view problem, std::string_view first) {
  std::string line = why_not_understood(first, listen_.protocol, client_.listener_address().text());
  if (line.empty())
    line = fmt::format("{} has sent {}; its connection is closed", client_.peer().text(), problem);
  tell_of_client(log::Level::notice, line);
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
  tell_of_client(log::Level::notice,
                 fmt::format("{} has not sent a whole request in time (header_timeout); its "
                             "connection is closed",
                             client_.peer().text()));
  close();
}

// ---- sending -----------------------------------------------------------------------------------

void Session::send() {
  if (!is_open()) return;
  const std::uint64_t end = written() + turn_bytes_max;
  while (writable_ && !output_.empty()) {
    const auto status = output_.flush(client_.stream, end - written());
    if (status == net::Io::Status::failed) return close();
    writable_ = status != net::Io::Status::blocked;
    if (written() < end) continue;
    go_on_later();
    break;
  }
  for (const auto& stream : streams_)
    stream->sent(written());
  wait_for_client(!writable_);
  if (!is_resuming()) settle();
}

// ---- states ------------------------------------------------------------------------------------

bool Session::may_go_on() const {
  return (writable_ && !output_.empty()) || (readable_ && !is_full()) ||
         std::ranges::any_of(streams_, [](const auto& stream) {
           return stream->waits_for_room() || stream->has_news();
         });
}

void Session::settle() {
  if (!is_open()) return;
  std::erase_if(streams_, [this](std::unique_ptr<Stream>& stream) {
    if (!stream->is_over()) return false;
    stream_ends();
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
  if (is_quiet && closes_at_end_ && !(readable_ && !has_had_request_)) return linger();
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
  change_use(has_begun ? Use::busy : has_had_request_ && streams_.empty() ? Use::idle : Use::head);
}

void Session::drop_streams() {
  for (const auto& stream : streams_) {
    stream->client_gone();
    stream_ends();
  }
}

}  // namespace cgisrv::gateway
