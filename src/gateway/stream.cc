#include "gateway/stream.h"

#include <unistd.h>

#include <utility>

#include "access/peer.h"
#include "base/check.h"
#include "event/turn.h"
#include "gateway/cgi_head.h"
#include "gateway/session.h"

namespace cgisrv::gateway {

namespace {

constexpr std::size_t file_part_bytes = 32 * 1024;  // read at once
constexpr std::size_t line_bytes_max = 1024;
constexpr config::Duration rest_timeout{5'000};

std::string name_of(const access::Peer& peer) {
  return peer.kind == access::Peer::Kind::ip ? peer.ip.text() : "unix";
}

}  // namespace

Stream::Stream(Session& session, std::uint16_t id)
    : session_(session),
      id_(id),
      began_(session.loop().now()),
      web_server_(name_of(session.client().peer())),
      body_timer_(session.loop(), Callback::of<&Stream::body_due>(*this)),
      rest_timer_(session.loop(), Callback::of<&Stream::rest_due>(*this)) {}

// ---- what comes --------------------------------------------------------------------------------

void Stream::head_complete(std::span<const Param> params) {
  const config::Limits& limits = session_.limits();
  const ParamLimits most{.fields_bytes_max = limits.header_size,
                         .target_bytes_max = limits.target_size,
                         .fields_max = limits.header_fields};
  refuse(read_params(params, most, request_, gateway_));
}

void Stream::refuse(Refusal refusal) {
  refusal_ = refusal;
  gateway_.programs = session_.listen().programs;
  if (!gateway_.added) gateway_.added = std::make_shared<cgi::AddedVariables>();
  is_head_complete_ = true;
  has_news_ = true;
}

void Stream::body_arrived(std::string_view bytes) {
  received_ += bytes.size();
  has_news_ = true;
  body_timer_.earn(bytes.size());
  const bool is_dropped =
      has_begun_ && (!exchange_ || exchange_->body_state() == exchange::Exchange::Body::faulted);
  if (!is_dropped) input_.append(bytes);
}

void Stream::body_ended() {
  input_ended_ = true;
  has_news_ = true;
}

void Stream::abort_asked() {
  is_abort_asked_ = true;
  has_news_ = true;
}

std::optional<std::uint64_t> Stream::body_left() const {
  if (is_unsized_) return std::nullopt;
  return request_.content_length - std::min(request_.content_length, received_);
}

// ---- an exchange's beginning and end -----------------------------------------------------------

// Without a length, whether there is a body is known when some of it, or its end, has come.
bool Stream::is_ready() const {
  if (is_abort_asked_) return true;
  return is_head_complete_ &&
         (refusal_ || request_.framing == http::Framing::length || received_ > 0 || input_ended_);
}

void Stream::go_on() {
  has_news_ = false;
  if (is_abort_asked_ && !is_closed_) {
    client_gone();
    if (!is_end_written_) session_.write_end(*this, true);
    return session_.send();
  }
  if (!has_begun_) {
    if (is_ready() && !is_closed_) begin();
    return;
  }
  if (exchange_ && file_left_ > 0) send_file_on();
  if (exchange_) go_on_with_body();
  if (!exchange_ || holds_back()) return;
  if (has_ended_ && file_left_ == 0) return write_end();
  if (held_.empty()) return;
  let_out();
  session_.send();
}

void Stream::go_on_with_body() {
  check_body();
  if (exchange_->body_state() == exchange::Exchange::Body::discarded)
    discard_body();
  else if (!input_.empty() || input_ended_)
    exchange_->body_ready();
}

void Stream::begin() {
  has_begun_ = true;
  body_timer_.refill(session_.limits().body_timeout, session_.limits().body_rate);
  is_unsized_ = !refusal_ && request_.framing == http::Framing::none && received_ > 0;
  if (is_unsized_) request_.framing = http::Framing::chunked;
  std::string_view line;
  if (refusal_) line = refused_line();
  exchange_ = std::make_unique<exchange::Exchange>(session_.host(), *this, request_);
  if (!refusal_) return exchange_->start();
  exchange_->refuse(refusal_.status, refusal_.reason, line);
}

// What there is of the request, for the logs.
std::string_view Stream::refused_line() {
  const bool no_content = request_.method == "HEAD";
  std::string line(request_.method.substr(0, line_bytes_max));
  line.append(" ").append(request_.raw_target.substr(0, line_bytes_max));
  line.append(" ").append(http::text_of(request_.version));
  const http::Version version = request_.version;
  const std::string_view kept = request_.reset(line);
  request_.version = version;
  if (no_content) request_.method = "HEAD";
  return kept;
}

void Stream::sent(std::uint64_t position) {
  if (!exchange_ || !is_end_written_ || position < end_position_) return;
  is_closed_ = true;
  exchange_->delivered();
  drop_exchange();
}

void Stream::client_gone() {
  is_closed_ = true;
  if (!exchange_) return;
  exchange_->client_gone();
  drop_exchange();
}

void Stream::drop_exchange() {
  session_.host().release(std::move(exchange_));
  body_timer_.pause();
  rest_timer_.disarm();
  input_.drop(input_.size());
  input_.release_if_empty();
  file_left_ = 0;
}

// ---- the two ends ------------------------------------------------------------------------------

// A web server has chosen which names lead here. Its client is on this machine, or not.
exchange::Reach Stream::reach() const {
  return {.loopback = gateway_.client.is_local, .unix_socket = true};
}

// ---- the request's body ------------------------------------------------------------------------

void Stream::body_due() {
  if (exchange_)
    exchange_->body_failed(408, "the request's body came too slowly (body_timeout, body_rate)");
}

// Empty: there is none.
std::string_view Stream::body_fault() const {
  if (is_unsized_ || refusal_) return {};
  if (received_ > request_.content_length)
    return "the web server has sent more of the request's body than CONTENT_LENGTH says";
  if (input_ended_ && received_ < request_.content_length)
    return "the request's body was cut short: the web server has sent less than CONTENT_LENGTH "
           "says";
  return {};
}

void Stream::check_body() {
  if (const auto fault = body_fault(); !fault.empty() && !is_closed_)
    exchange_->body_failed(400, std::string(fault));
}

void Stream::open_body() {
  if (!body_complete() && input_.empty()) body_timer_.wait();
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

void Stream::consume(std::size_t bytes) {
  const bool was_full = is_full();
  input_.drop(bytes);
  input_.release_if_empty();
  if (was_full) session_.go_on_later();
}

// A body of known length is whole when that has come, whatever the web server sends after it.
bool Stream::body_complete() {
  const bool is_whole = input_ended_ || (!is_unsized_ && received_ == request_.content_length);
  return is_whole && input_.empty() && body_fault().empty();
}

void Stream::discard_body() {
  body_timer_.pause();
  shown_ = received_;
  if (!input_.empty() && exchange_->may_discard()) consume(input_.size());
  if (holds_back() && !rest_timer_.armed())
    rest_timer_.arm_after(std::min(rest_timeout, session_.limits().body_timeout));
}

void Stream::rest_due() {
  has_waited_ = true;
  has_news_ = true;
  session_.go_on_later();
}

// ---- the response ------------------------------------------------------------------------------

void Stream::respond(const http::Response& response, http::Content content) {
  std::string head;
  write_cgi_head(head, response, content);
  put(head);
}

// Of parameters that are refused it is not known.
bool Stream::is_body_to_come() const {
  return !input_ended_ && (refusal_ || body_left() != 0);
}

// Whether the rest of a body that nobody wants is worth waiting for.
bool Stream::awaits_rest() const {
  return !refusal_ && !has_waited_ && body_left().value_or(received_) <= rest_bytes_max;
}

// Where the body has no known length, both sides may be talking by turns.
bool Stream::holds_back() const {
  using Body = exchange::Exchange::Body;
  if (is_shown_ || !is_body_to_come()) return false;
  switch (exchange_->body_state()) {
    case Body::open:
      return !is_unsized_;
    case Body::discarded:
      return (has_ended_ || !is_unsized_) && awaits_rest();
    default:
      return !has_ended_;
  }
}

void Stream::put(std::string_view bytes) {
  if (!held_.empty() || holds_back()) {
    held_.append(bytes);
  } else {
    is_shown_ = true;
    session_.write_content(*this, bytes);
  }
  if (held_.size() >= held_bytes_max) let_out();
}

void Stream::let_out() {
  is_shown_ = true;
  session_.write_content(*this, held_);
  std::string().swap(held_);
}

// No handler does that here: see takes_raw().
void Stream::respond_raw() {
  CGISRV_CHECK(false);
}

std::size_t Stream::room() const {
  if (file_left_ > 0) return 0;
  return held_.empty() ? session_.room() : held_bytes_max - held_.size();
}

bool Stream::waits_for_room() const {
  return waits_for_room_ && exchange_ && session_.room() > 0;
}

void Stream::tell_of_room() {
  if (file_left_ > 0) return send_file_on();
  waits_for_room_ = false;
  exchange_->room_ready();
}

void Stream::write(std::string_view bytes) {
  content_ += bytes.size();
  put(bytes);
}

void Stream::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  CGISRV_CHECK(file_left_ == 0);
  file_ = file;
  file_offset_ = offset;
  file_left_ = length;
}

// Returns whether it could be read.
bool Stream::send_part_of_file() {
  std::string part(std::min<std::uint64_t>(file_left_, file_part_bytes), '\0');
  const ssize_t got = ::pread(file_, part.data(), part.size(), static_cast<off_t>(file_offset_));
  if (got != static_cast<ssize_t>(part.size())) return false;
  file_offset_ += part.size();
  file_left_ -= part.size();
  write(part);
  return true;
}

// As far as there is room. In records, so the kernel cannot send it by itself.
void Stream::send_file_on() {
  waits_for_room_ = true;
  Turn turn;
  while (exchange_ && file_left_ > 0 && session_.room() > 0) {
    if (!send_part_of_file()) {  // it has become shorter
      file_left_ = 0;
      is_whole_ = false;
      has_ended_ = true;
      break;
    }
    if (session_.room() == 0 || file_left_ == 0) session_.send();
    if (file_left_ > 0 && turn.is_over()) return session_.go_on_later();
  }
  if (exchange_ && file_left_ == 0 && has_ended_) write_end();
}

void Stream::flush() {
  if (file_left_ > 0) return send_file_on();
  session_.send();
  waits_for_room_ = exchange_ && room() == 0;
}

// Beside what is held back: it passes no head on. Never waits for room.
void Stream::complain(std::string_view bytes) {
  bytes = bytes.substr(0, session_.room());
  if (bytes.empty() || is_end_written_ || !session_.listen().errors_to_web_server) return;
  has_complained_ = true;
  session_.write_errors(*this, bytes);
  session_.go_on_later();
}

void Stream::end() {
  has_ended_ = true;
  if (file_left_ > 0) return send_file_on();
  write_end();
}

void Stream::write_end() {
  if (is_end_written_) return;
  exchange_->discard_body();
  if (is_whole_ && holds_back()) return;
  is_end_written_ = true;
  waits_for_room_ = false;
  let_out();
  if (is_whole_)
    session_.write_end(*this, true);
  else
    session_.cut(*this);
  end_position_ = session_.position();
  session_.send();
}

void Stream::abort() {
  is_whole_ = false;
  end();
}

void Stream::close() {
  if (!is_end_written_) session_.cut(*this);
  is_end_written_ = true;
  client_gone();
  session_.go_on_later();
}

}  // namespace cgisrv::gateway
