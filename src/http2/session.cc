#include "http2/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "access/peer.h"
#include "connection/connections.h"

namespace cgisrv::http2 {

using config::Duration;

namespace {

constexpr std::size_t held_bytes_max = 1 << 20;  // by all streams for their client
// Frames that wait to be sent: so many, and two for each stream.
constexpr std::size_t queue_base = 1000;
// As many as the connection's window lets be under way.
constexpr std::size_t linger_bytes_max = 1 << 20;
constexpr Duration announcement_timeout{1'000};  // for the client to hear of the end
constexpr std::size_t lent_bytes_max = 256 * 1024;
constexpr std::uint8_t announcement[8] = {'g', 'o', 'i', 'n', 'g', 0, 0, 0};

// Memory for frames, which few connections have at a time: one lends it to the next, as long as all
// is sent. A buffer that is made anew each time costs the kernel's pages each time.
std::string lent;

void lend_memory(Buffer& output) {
  if (output.empty()) output.back().swap(lent);
}

void take_memory_back(Buffer& output) {
  if (!output.empty()) return;
  if (output.back().capacity() <= lent_bytes_max) output.back().swap(lent);
  output.release_if_empty();
}

}  // namespace

Session::Session(connection::Connections& connections, connection::Client client,
                 std::string_view read)
    : connection::Session(connections, std::move(client), linger_bytes_max),
      early_(read),
      last_timer_(connections.loop(), Callback::of<&Session::name_last>(*this)) {}

Session::~Session() {
  nghttp2_session_del(protocol_);
}

std::size_t Session::shared_room() const {
  const auto held = static_cast<std::size_t>(std::max<std::ptrdiff_t>(held_, 0));
  return held_bytes_max - std::min(held_bytes_max, held);
}

void Session::start() {
  if (!watch_client() || !make_protocol()) return drop();
  count(&telemetry::Http2Counts::connections);
  go_on_later();
}

Clock::duration Session::waited_for_streams() const {
  Clock::duration longest{};
  for (const auto& stream : streams_)
    longest = std::max(longest, stream->waited_for_client());
  return longest;
}

// ---- events ------------------------------------------------------------------------------------

bool Session::go_on(Turn& turn) {
  bool more = true;
  if (is_open() && !early_.empty())
    received(std::exchange(early_, {}));
  else if (noted_.empty())
    more = read_input();
  is_gathering_ = true;
  carry_out(turn);
  send_now();
  tell_of_room();
  is_gathering_ = false;
  return more;
}

// Those that have got room by what was sent.
void Session::tell_of_room() {
  bool was_told = false;
  for (auto stream = streams_.begin(); is_open() && stream != streams_.end(); ++stream) {
    if (!(*stream)->waits_for_room()) continue;
    (*stream)->tell_of_room();
    was_told = true;
  }
  if (was_told) send_now();
}

// What nghttp2 has told of, for as long as the turn lasts.
void Session::carry_out(Turn& turn) {
  while (is_open() && !noted_.empty()) {
    Stream& stream = *noted_.front();
    noted_.pop_front();
    stream.is_noted = false;
    const bool is_new = stream.is_new();
    if (is_new && is_last_request()) wind_down();
    if (is_new && !may_begin())
      stream.refuse();
    else
      stream.go_on();
    if (turn.is_over()) break;
  }
}

void Session::exchange_begins() {
  stream_begins();
  count(&telemetry::Http2Counts::streams);
}

void Session::note(Stream& stream) {
  if (!std::exchange(stream.is_noted, true)) noted_.push_back(&stream);
  go_on_later();
}

void Session::input_due() {
  if (!is_open()) return drop();
  say_goodbye(NGHTTP2_NO_ERROR, {});
}

void Session::head_due() {
  calm("a head that did not arrive in time (header_timeout)");
}

void Session::earn() {
  const std::uint64_t framed = framed_ - std::exchange(earned_, framed_);
  if (!writable_) return connection::Session::earn();
  send_timer_.earn(framed);  // what holds us up is the connection's window
}

// ---- sending -----------------------------------------------------------------------------------

void Session::send() {
  if (!is_gathering_) send_now();
}

void Session::send_now() {
  if (!is_open()) return;
  lend_memory(output_);
  const bool was_sent = send_all();
  take_memory_back(output_);
  if (!was_sent) return drop();
  if (!flood_.problem().empty()) return calm(flood_.problem());
  if (nghttp2_session_get_outbound_queue_size(protocol_) > queue_base + 2 * limits().max_streams)
    return calm("too much that has to be answered, and takes no answer");
  check_streams();
  if (!is_resuming()) settle();
}

// False: nothing more can be sent, ever.
bool Session::send_all() {
  const std::uint64_t end = written() + turn_bytes_max;
  while (writable_) {
    if (!fill_output()) return false;
    if (output_.empty()) break;
    if (written() >= end) {
      go_on_later();
      break;
    }
    const auto status = flush_output(end - written());
    if (status == net::Io::Status::failed) return false;
    writable_ = status != net::Io::Status::blocked;
  }
  return true;
}

net::Io::Status Session::flush_output(std::uint64_t budget) {
  while (!output_.empty() && budget > 0) {
    const net::Io io = client_.stream.write(output_.view(), false);
    if (io.status != net::Io::Status::ok) return io.status;
    output_.drop(io.bytes);
    budget -= std::min<std::uint64_t>(budget, io.bytes);
  }
  return net::Io::Status::ok;
}

// After sending: ends what is sent, and sees for whom the client is to be waited for.
void Session::check_streams() {
  for (Stream* const stream : closed_streams_)
    stream->sent(written());
  const bool is_window_shut = nghttp2_session_get_remote_window_size(protocol_) <= 0;
  bool has_output = false;
  for (const auto& stream : streams_) {
    if (stream->is_closed()) continue;
    has_output |= stream->has_output();
    stream->note_blocked(writable_ && !is_window_shut && stream->has_output() &&
                         stream->is_window_shut());
    if (stream->waits_for_room()) go_on_later();
  }
  wait_for_client(!writable_ || (is_window_shut && has_output));
}

// ---- states ------------------------------------------------------------------------------------

void Session::settle() {
  if (!is_open()) return;
  std::erase_if(closed_streams_, [this](Stream* stream) {
    if (!stream->is_over() || stream->is_noted) return false;
    const auto at = stream->position;
    loop().dispose(std::move(*at));
    streams_.erase(at);
    return true;
  });
  if (is_announcement_heard_) name_last();
  if (!is_head_open_)
    head_timer_.disarm();
  else if (!head_timer_.armed())
    head_timer_.arm_after(limits().header_timeout);
  update_use();
  const bool has_work = nghttp2_session_want_read(protocol_) != 0 ||
                        nghttp2_session_want_write(protocol_) != 0 || !output_.empty();
  if (!has_work) return linger();
  // What has become possible in the last round of resume(), where go_on_later() has no effect.
  const bool may_send =
      writable_ && (nghttp2_session_want_write(protocol_) != 0 || !output_.empty());
  const bool has_room =
      std::ranges::any_of(streams_, [](const auto& stream) { return stream->waits_for_room(); });
  if (may_send || has_room || !noted_.empty()) go_on_later();
}

void Session::update_use() {
  change_use(!streams_.empty() ? Use::busy : has_had_request_ ? Use::idle : Use::head);
}

// RFC 9113 section 6.8. The client may be sending requests just now: first it hears that the
// connection will end, and only when it knows that, which request is the last.
void Session::wind_down() {
  if (!is_open() || end_ != End::none) return;
  end_ = End::announced;
  nghttp2_submit_shutdown_notice(protocol_);
  nghttp2_submit_ping(protocol_, NGHTTP2_FLAG_NONE, announcement);
  last_timer_.arm_after(announcement_timeout);
  go_on_later();
}

void Session::name_last() {
  if (!is_open() || end_ == End::last_named) return;
  end_ = End::last_named;
  is_announcement_heard_ = false;
  last_timer_.disarm();
  nghttp2_submit_goaway(protocol_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(protocol_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  go_on_later();
}

void Session::count_reset() {
  count(&telemetry::Http2Counts::resets);
  flood_.reset(loop().now());
}

void Session::calm(std::string_view problem) {
  if (!is_open()) return;
  count(&telemetry::Http2Counts::refused);
  tell_of_client(log::Level::notice,
                 fmt::format("{} has sent {}; its connection of HTTP/2 is ended",
                             client_.peer().text(), problem));
  say_goodbye(NGHTTP2_ENHANCE_YOUR_CALM, problem);
}

// Ends the connection, with everything that runs for it.
void Session::say_goodbye(std::uint32_t code, std::string_view text) {
  if (!is_open()) return;
  send_goaway(code, text);
  linger();
}

void Session::send_goaway(std::uint32_t code, std::string_view text) {
  drop_streams();
  nghttp2_submit_goaway(protocol_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(protocol_), code,
                        reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  if (writable_ && fill_output()) flush_output(turn_bytes_max);
}

void Session::drop_streams() {
  for (const auto& stream : streams_)
    stream->client_gone();
  noted_.clear();
  last_timer_.disarm();
}

void Session::close() {
  if (is_open()) send_goaway(NGHTTP2_NO_ERROR, {});
  drop();
}

}  // namespace cgisrv::http2
