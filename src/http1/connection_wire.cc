// What an exchange asks of its connection: bodies and responses in HTTP/1.1.
#include "base/check.h"
#include "event/turn.h"
#include "http1/connection.h"
#include "http1/server.h"

namespace cgisrv::http1 {

namespace {
constexpr std::uint64_t unread_body_max = 1 << 20;  // a larger rest is not read
}  // namespace

// ---- the request's body ------------------------------------------------------------------------

void Connection::open_body() {
  message_.asked_for_body = true;
  if (message_.body.state() != BodyReader::State::open) return;
  if (request_.expects_continue && input_.empty()) {
    message_.overhead_bytes += continue_head.size();
    output_.append(continue_head);
    send_output();
  }
  if (!closed()) body_timer_.wait();
}

std::string_view Connection::body() {
  using State = BodyReader::State;
  BodyReader& body = message_.body;
  std::string_view bytes = body.peek(input_);
  while (bytes.empty() && body.state() == State::open && read_input())
    bytes = body.peek(input_);
  const bool waits = bytes.empty() && body.state() == State::open;
  const bool is_wanted = exchange_->body_state() != exchange::Exchange::Body::discarded;
  // Only while we wait for the client.
  if (waits && !input_ended_ && is_wanted) {
    body_timer_.wait();
  } else {
    body_timer_.pause();
  }
  if (!is_wanted) return bytes;
  if (waits && input_ended_) exchange_->body_failed(400, "the request's body was cut short");
  if (body.state() == State::malformed)
    exchange_->body_failed(
        400, fmt::format("the request's chunked body cannot be read: {}", body.problem()));
  return bytes;
}

bool Connection::body_complete() {
  message_.body.peek(input_);
  return message_.body.state() == BodyReader::State::complete;
}

void Connection::discard_body() {
  body_timer_.pause();
  Turn turn;
  while (exchange_->may_discard()) {
    const auto bytes = body();
    if (bytes.empty()) return;
    consume(bytes.size());
    if (turn.is_over()) return resume_timer_.arm_after(Clock::duration::zero());
  }
}

// ---- the response ------------------------------------------------------------------------------

bool Connection::may_keep_alive(int status) const {
  const bool unread = message_.body.state() != BodyReader::State::complete;
  const bool too_much = unread && !message_.asked_for_body &&
                        (request_.expects_continue || message_.body.left() > unread_body_max);
  return request_.keep_alive && message_.framing != BodyFraming::close && !draining_ &&
         !last_is_next_ && !server_.host().leaving() && !too_much && !exchange_->body_is_lost() &&
         status != 400 && requests_served_ < server_.limits().keepalive_requests;
}

void Connection::respond(const http::Response& response, http::Content content) {
  message_.framing = choose_framing(content, request_.version);
  message_.keep_alive = may_keep_alive(response.status);
  const std::size_t before = output_.back().size();
  write_head(output_.back(), request_.version, response, message_.framing, message_.keep_alive);
  message_.overhead_bytes += output_.back().size() - before;
}

void Connection::respond_raw() {
  message_.framing = BodyFraming::close;
  message_.keep_alive = false;
}

void Connection::write(std::string_view bytes) {
  if (message_.framing != BodyFraming::chunked) return output_.append(bytes);
  const std::size_t before = output_.back().size();
  write_chunk_size(output_.back(), bytes.size());
  output_.append(bytes);
  output_.append(chunk_end);
  message_.overhead_bytes += output_.back().size() - before - bytes.size();
}

void Connection::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  CGISRV_CHECK(message_.framing == BodyFraming::length);
  output_.append_file(file, offset, length);
}

std::uint64_t Connection::content_sent() const {
  return message_.sent_bytes - std::min(message_.sent_bytes, message_.overhead_bytes);
}

void Connection::end() {
  if (message_.framing == BodyFraming::chunked) {
    output_.append(last_chunk);
    message_.overhead_bytes += last_chunk.size();
  }
  send_output();
  // The client may not read before it has sent everything.
  if (exchange_ && !output_.empty()) exchange_->discard_body();
  advance();
}

void Connection::abort() {
  message_.keep_alive = false;
  send_output();
  advance();
}

}  // namespace cgisrv::http1
