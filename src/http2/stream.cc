#include "http2/stream.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "access/peer.h"
#include "base/check.h"
#include "config/config.h"
#include "http2/priority.h"
#include "http2/response_head.h"
#include "http2/session.h"

namespace cgisrv::http2 {

namespace {

HeadLimits head_limits(const config::Limits& limits) {
  return {.head_bytes_max = limits.header_size,
          .target_bytes_max = limits.target_size,
          .fields_max = limits.header_fields};
}

ssize_t offer_frame(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t most,
                    std::uint32_t* flags, nghttp2_data_source* source, void*) {
  return static_cast<Stream*>(source->ptr)->offer(most, *flags);
}

}  // namespace

Stream::Stream(Session& session, std::int32_t id)
    : session_(session),
      id_(id),
      head_(head_limits(session.limits())),
      body_timer_(session.loop(), Callback::of<&Stream::body_due>(*this)),
      send_timer_(session.loop(), Callback::of<&Stream::send_due>(*this)) {}

// ---- what nghttp2 tells ------------------------------------------------------------------------

void Stream::head_complete(bool has_body) {
  is_head_complete_ = true;
  has_body_ = has_body;
  input_ended_ = !has_body;
}

void Stream::body_arrived(std::string_view bytes) {
  received_ += bytes.size();
  body_timer_.earn(bytes.size());
  const bool is_dropped =
      has_begun_ && (!exchange_ || exchange_->body_state() == exchange::Exchange::Body::faulted);
  if (is_dropped)
    nghttp2_session_consume_stream(session_.protocol(), id_, bytes.size());
  else
    input_.append(bytes);
}

bool Stream::overflows(std::uint32_t initial_window) const {
  constexpr std::uint64_t window_max = (std::uint64_t{1} << 31) - 1;
  return !is_closed_ && initial_window + window_given_ > window_max + framed_;
}

// ---- what nghttp2 asks for ---------------------------------------------------------------------

ssize_t Stream::offer(std::size_t most, std::uint32_t& flags) {
  const std::uint64_t here = output_.size() + file_left_;
  const bool is_last = has_ended_ && here <= most;
  if (here == 0) {
    if (!is_last) return NGHTTP2_ERR_DEFERRED;
    if (reset_code_ != 0) {
      end_by_reset();
      return NGHTTP2_ERR_DEFERRED;
    }
    flags |= NGHTTP2_DATA_FLAG_EOF;
    return 0;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (is_last && reset_code_ == 0) flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(std::min<std::uint64_t>(here, most));
}

bool Stream::take(std::size_t bytes, std::string& to) {
  if (bytes > output_.size() + file_left_) return false;  // its exchange is gone
  const std::size_t from_output = std::min(bytes, output_.size());
  to.append(output_.view().substr(0, from_output));
  output_.drop(from_output);
  output_.release_if_empty();
  session_.note_held(-static_cast<std::ptrdiff_t>(from_output));
  if (const std::size_t rest = bytes - from_output; rest > 0) {
    const std::size_t before = to.size();
    to.resize_and_overwrite(before + rest, [&](char* all, std::size_t) {
      const ssize_t got = ::pread(file_, all + before, rest, static_cast<off_t>(file_offset_));
      return before + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    });
    if (to.size() != before + rest) return false;
    file_offset_ += rest;
    file_left_ -= rest;
  }
  framed_ += bytes;
  send_timer_.earn(bytes);
  return true;
}

// ---- an exchange's beginning and end -----------------------------------------------------------

void Stream::go_on() {
  if (!has_begun_) {
    if (is_new()) begin();
    return;
  }
  if (!exchange_) return;
  if (is_closed_) {
    if (!is_end_framed_) client_gone();
    return;
  }
  check_body();
  if (exchange_->body_state() == exchange::Exchange::Body::discarded)
    discard_body();
  else if (!input_.empty() || input_ended_)
    exchange_->body_ready();
}

void Stream::begin() {
  has_begun_ = true;
  const config::Limits& limits = session_.limits();
  body_timer_.refill(limits.body_timeout, limits.body_rate);
  send_timer_.refill(limits.send_timeout, limits.send_rate);
  Refusal refusal = head_.read(request_, has_body_);
  if (!refusal && request_.framing == http::Framing::length) length_ = request_.content_length;
  if (!refusal) refusal = body_fault();
  if (!refusal && is_misdirected())
    refusal = {421, "the scheme of the request is not that of the connection"};
  std::string_view line;
  if (refusal) {
    line = request_.reset(head_.line());
    request_.version = http::Version::http2;
    if (head_.asks_for_no_content()) request_.method = "HEAD";
    if (refusal.is_malformed()) reset_code_ = NGHTTP2_PROTOCOL_ERROR;
  } else {
    // Who has no wish takes turns with the others: a proxy may carry many users in one connection.
    prioritize(request_.field("priority").value_or("i"));
  }
  session_.exchange_begins();
  exchange_ = std::make_unique<exchange::Exchange>(session_.host(), *this, request_);
  if (!refusal) return exchange_->start();
  exchange_->refuse(refusal.status, refusal.reason, line);
}

void Stream::prioritize(std::string_view field) {
  const Priority priority = parse_priority(field);
  const nghttp2_extpri own{.urgency = priority.urgency, .inc = priority.is_incremental ? 1 : 0};
  nghttp2_session_change_extpri_stream_priority(session_.protocol(), id_, &own, 0);
}

// What makes the request malformed after its head, RFC 9113 section 8.1.1.
Refusal Stream::body_fault() const {
  if (has_bad_trailers_) return {400, "trailers that cannot be read"};
  const bool is_wrong =
      length_ && (received_ > *length_ || (input_ended_ && received_ != *length_));
  if (is_wrong) return {400, "the request's body is not as long as its Content-Length says"};
  return {};
}

void Stream::check_body() {
  const Refusal fault = body_fault();
  if (!fault || is_closed_) return;
  if (!has_ended_) reset_code_ = NGHTTP2_PROTOCOL_ERROR;
  exchange_->body_failed(fault.status, std::string(fault.reason));
}

void Stream::sent(std::uint64_t position) {
  if (!exchange_ || !is_closed_ || !is_end_framed_ || position < end_position_) return;
  exchange_->delivered();
  drop_exchange();
}

void Stream::client_gone() {
  if (!exchange_) return;
  exchange_->client_gone();
  drop_exchange();
}

void Stream::refuse() {
  has_begun_ = true;
  reset(NGHTTP2_REFUSED_STREAM);
}

void Stream::drop_exchange() {
  session_.host().release(std::move(exchange_));
  session_.exchange_over();
  body_timer_.pause();
  send_timer_.pause();
  session_.note_held(-static_cast<std::ptrdiff_t>(output_.size()));
  output_.drop(output_.size());
  file_left_ = 0;
}

void Stream::reset(std::uint32_t code) {
  if (is_closed_) return;
  nghttp2_submit_rst_stream(session_.protocol(), NGHTTP2_FLAG_NONE, id_, code);
  session_.go_on_later();
}

void Stream::end_by_reset() {
  if (is_end_framed_) return;
  is_end_framed_ = true;
  nghttp2_submit_rst_stream(session_.protocol(), NGHTTP2_FLAG_NONE, id_, reset_code_);
}

// ---- the client's time -------------------------------------------------------------------------

void Stream::body_due() {
  if (exchange_)
    exchange_->body_failed(408, "the request's body came too slowly (body_timeout, body_rate)");
}

void Stream::send_due() {
  session_.tell_of_client(
      log::Level::info,
      fmt::format("{} takes a response too slowly (send_timeout, send_rate); its stream is reset",
                  client().peer().text()));
  reset(NGHTTP2_ENHANCE_YOUR_CALM);
  client_gone();
}

bool Stream::is_window_shut() const {
  return nghttp2_session_get_stream_remote_window_size(session_.protocol(), id_) <= 0;
}

void Stream::note_blocked(bool by_its_window) {
  if (by_its_window)
    send_timer_.wait();
  else
    send_timer_.pause();
}

void Stream::tell_of_room() {
  waits_for_room_ = false;
  if (exchange_) exchange_->room_ready();
}

exchange::Client& Stream::client() {
  return session_.client();
}

// ---- the request's body ------------------------------------------------------------------------

void Stream::open_body() {
  if (body_complete()) return;
  if (request_.expects_continue && received_ == 0 && !has_responded_) {
    const http::Response response{.status = 100};
    const ResponseHead head(response, http::Content::none);
    nghttp2_submit_headers(session_.protocol(), NGHTTP2_FLAG_NONE, id_, nullptr,
                           head.fields().data(), head.fields().size(), nullptr);
    session_.go_on_later();
  }
  if (input_.empty()) body_timer_.wait();
}

// By TLS nobody asks for http, nor in the clear for https, but for a proxy that has spoken TLS: one
// that is trusted, as all are that say by the PROXY protocol for whom they connect.
bool Stream::is_misdirected() const {
  const connection::Client& client = session_.client();
  const bool is_https = client.stream.security() != nullptr;
  if (head_.scheme().empty() || head_.is_https() == is_https) return false;
  const bool is_by_proxy = !client.proxy_address().empty() ||
                           session_.host().config().server.trusted_proxies.contains(client.peer());
  return is_https || !is_by_proxy;
}

std::string_view Stream::body() {
  check_body();
  shown_ = received_;
  const bool is_wanted = exchange_->body_state() != exchange::Exchange::Body::discarded;
  if (input_.empty() && !input_ended_ && is_wanted)
    body_timer_.wait();
  else
    body_timer_.pause();
  return input_.view();
}

// The window is given back as fast as the body is used, and no faster.
void Stream::consume(std::size_t bytes) {
  input_.drop(bytes);
  input_.release_if_empty();
  if (input_ended_ || is_closed_) return;
  nghttp2_session_consume_stream(session_.protocol(), id_, bytes);
  session_.go_on_later();
}

void Stream::discard_body() {
  body_timer_.pause();
  shown_ = received_;
  if (!input_.empty() && exchange_->may_discard()) consume(input_.size());
}

// ---- the response ------------------------------------------------------------------------------

void Stream::respond(const http::Response& response, http::Content content) {
  has_responded_ = true;
  if (session_.host().leaving()) session_.wind_down();
  // An end of its own would need a window (nghttp2), and comes with the exchange's.
  if (content == http::Content::none && reset_code_ == 0)
    held_ = std::make_unique<Held>(response);
  else
    submit(response, content);
}

void Stream::submit(const http::Response& response, http::Content content) {
  if (is_closed_) return;
  const ResponseHead head(response, content);
  nghttp2_data_provider provider{.source = {.ptr = this}, .read_callback = &offer_frame};
  const bool is_whole = content == http::Content::none && reset_code_ == 0;
  nghttp2_submit_response(session_.protocol(), id_, head.fields().data(), head.fields().size(),
                          is_whole ? nullptr : &provider);
}

// No handler does that here: see takes_raw().
void Stream::respond_raw() {
  CGISRV_CHECK(false);
}

std::size_t Stream::room() const {
  if (file_left_ > 0 || output_.size() >= output_bytes_max) return 0;
  return std::min(output_bytes_max - output_.size(),
                  std::max(session_.shared_room(),
                           output_bytes_min - std::min(output_bytes_min, output_.size())));
}

void Stream::write(std::string_view bytes) {
  output_.append(bytes);
  session_.note_held(static_cast<std::ptrdiff_t>(bytes.size()));
}

void Stream::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  CGISRV_CHECK(file_left_ == 0);
  file_ = file;
  file_offset_ = offset;
  file_left_ = length;
}

void Stream::flush() {
  if (is_closed_) return;
  if (has_output()) nghttp2_session_resume_data(session_.protocol(), id_);
  session_.send();
  waits_for_room_ = exchange_ && room() == 0;
}

void Stream::end() {
  has_ended_ = true;
  if (is_closed_) return;
  if (held_)
    submit(std::exchange(held_, {})->response, http::Content::none);
  else if (has_responded_)
    nghttp2_session_resume_data(session_.protocol(), id_);
  else
    end_by_reset();
  session_.send();
  // The client may not read before it has sent everything.
  if (exchange_ && !is_end_framed_ && !input_ended_) exchange_->discard_body();
}

void Stream::abort() {
  reset_code_ = NGHTTP2_INTERNAL_ERROR;
  end();
}

void Stream::close() {
  reset(reset_code_ != 0 ? reset_code_ : std::uint32_t{NGHTTP2_INTERNAL_ERROR});
  client_gone();
}

}  // namespace cgisrv::http2
