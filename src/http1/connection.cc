#include "http1/connection.h"

#include "base/check.h"
#include "event/turn.h"
#include "http1/server.h"

namespace cgisrv::http1 {

using config::Duration;
using config::Limits;

namespace {

constexpr std::uint64_t input_bytes_max = 64 * 1024;
constexpr Duration linger_timeout{5'000};              // for the client to finish sending
constexpr Duration acknowledgement_timeout{100};       // for bytes sent after a half-close
constexpr std::uint64_t discard_bytes_max = 16 << 20;  // of a body that nobody wants
constexpr std::size_t refused_line_bytes_max = 1024;
// Of HTTP/2, RFC 9113 section 3.4.
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view in_the_clear =
    "plain HTTP was spoken to a port that speaks TLS: write https:// in place of http://";

}  // namespace

Connection::Connection(Server& server, connection::Client client)
    : connection::Connection(server),
      server_(server),
      client_(std::move(client)),
      stream_(client_.stream),
      input_timer_(server.loop(), Callback::of<&Connection::input_due>(*this)),
      body_timer_(server.loop(), Callback::of<&Connection::body_due>(*this)),
      send_timer_(server.loop(), Callback::of<&Connection::output_due>(*this)),
      half_close_timer_(server.loop(), Callback::of<&Connection::half_close_due>(*this)),
      resume_timer_(server.loop(), Callback::of<&Connection::resume>(*this)) {}

void Connection::start() {
  watch_ = Watch(server_.loop(), stream_.fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                 WatchCallback::of<&Connection::socket_ready>(*this));
  if (!watch_) return close();
  readable_ = stream_.holds_more();
  enter(State::head);  // a silent new connection has no claim to the keep-alive time
}

void Connection::enter(State state) {
  state_ = state;
  const Use use = state == State::idle ? Use::idle : state == State::head ? Use::head : Use::busy;
  set_use(use);
  body_timer_.pause();
  if (state == State::discard) body_timer_.wait();
  switch (state) {
    case State::idle:
      return input_timer_.arm_after(server_.limits().keepalive_timeout);
    case State::head:
      return input_timer_.arm_after(server_.limits().header_timeout);
    case State::linger:
      return input_timer_.arm_after(linger_timeout);
    default:  // their deadlines are elsewhere
      input_timer_.disarm();
  }
}

Clock::duration Connection::waited_for_client() const {
  if (state_ == State::linger) return server_.loop().now() - used_since();
  return std::max(body_timer_.spent(), send_timer_.spent());
}

void Connection::drain() {
  draining_ = true;
  if (state_ != State::idle && (state_ != State::head || !input_.empty())) return;
  readable_ = true;  // a request that has arrived by now is answered: see step_head()
  advance();
}

void Connection::close() {
  if (closed()) return;
  if (exchange_) {
    // Else the client would take the response for whole.
    if (message_.framing == BodyFraming::close) stream_.reset_on_close();
    exchange_->client_gone();
    drop_exchange();
  }
  enter(State::closed);
  send_timer_.pause();
  half_close_timer_.disarm();
  resume_timer_.disarm();
  watch_.forget();
  stream_.close();
  server_.forget(*this);
}

// ---- events ------------------------------------------------------------------------------------

void Connection::socket_ready(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close();
  if ((events & EPOLLRDHUP) != 0 && peer_ == Peer::open) peer_ = Peer::half_closed;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) writable_ = true;
  if (stream_.has_unsent_end()) readable_ = true;
  resume();
}

// Tries everything that may have become possible, once, and never with a handler on the stack.
void Connection::resume() {
  if (exchange_) resume_exchange();
  advance();
}

// Each step may end the exchange, or the connection, and begin another exchange.
void Connection::resume_exchange() {
  const bool was_full = output_.room() == 0;
  send_output();
  if (was_full && exchange_ && output_.room() > 0) exchange_->room_ready();
  if (exchange_ && readable_) {
    if (exchange_->body_state() == exchange::Exchange::Body::discarded)
      discard_body();
    else if (message_.body.state() == BodyReader::State::open)
      exchange_->body_ready();
  }
  if (exchange_ && !half_close_timer_.armed()) watch_half_close();
}

void Connection::input_due() {
  if (state_ == State::head && !input_.empty())
    return refuse(408, "the request's head did not arrive in time (header_timeout)");
  close();
}

void Connection::body_due() {
  if (!exchange_) return close();
  exchange_->body_failed(408, "the request's body came too slowly (body_timeout, body_rate)");
}

// Checks whether the client has taken bytes. The kernel reports room only when much of a large
// buffer is free.
void Connection::output_due() {
  send_timer_.earn(stream_.newly_acknowledged());
  if (send_timer_.left() == Clock::duration::zero()) return close();
  send_timer_.wait();
}

// A client that has shut its sending side may still be reading, or may be gone. The two look the
// same until something is sent: a client that is gone answers with a reset. It gets this long.
void Connection::watch_half_close() {
  if (peer_ == Peer::half_closed) half_close_timer_.arm_after(server_.limits().half_close_timeout);
}

void Connection::half_close_due() {
  const bool has_responded = exchange_->reply() != exchange::Exchange::Reply::none;
  if (has_responded && !output_.empty()) return;  // slow, as any client may be: see send_timeout
  if (!sent_since_half_close_) return close();
  if (stream_.unacknowledged() == 0) {
    peer_ = Peer::reading_on;
  } else {
    half_close_timer_.arm_after(acknowledgement_timeout);
  }
}

// ---- input and output --------------------------------------------------------------------------

// Reads once. Returns whether anything came.
bool Connection::read_input() {
  // Room for the longest head, and some more to see that one is too long.
  const auto most = std::max(input_bytes_max, server_.limits().header_size + 1024);
  if (!readable_ || input_.size() >= most) return false;
  const auto room = std::min(server_.scratch().size(), most - input_.size());
  const auto space = server_.scratch().first(room);
  const net::Io io = stream_.read(space);
  // A short read has emptied the socket: later bytes are a new edge.
  if (io.status != net::Io::Status::ok || io.bytes < space.size()) readable_ = stream_.holds_more();
  if (io.status == net::Io::Status::ok) {
    input_.append({space.data(), io.bytes});
    body_timer_.earn(io.bytes);
  }
  if (io.status == net::Io::Status::ended || io.status == net::Io::Status::failed)
    input_ended_ = true;
  // The end of the stream causes no other edge if it was there before the last read.
  if (peer_ != Peer::open && io.status == net::Io::Status::ok) readable_ = true;
  return io.status == net::Io::Status::ok;
}

void Connection::send_output() {
  if (closed() || !writable_ || output_.empty()) return;
  const std::uint64_t before = stream_.written();
  const auto status = output_.flush(stream_);
  message_.sent_bytes += stream_.written() - before;
  if (status == net::Io::Status::failed) return close();
  sent_since_half_close_ |= peer_ != Peer::open && stream_.written() != before;
  writable_ = status != net::Io::Status::blocked;
  if (!writable_) {
    if (!send_timer_.waiting()) send_timer_.earn(stream_.newly_acknowledged());
    return send_timer_.wait();
  }
  send_timer_.pause();
  if (!output_.empty()) resume_timer_.arm_after(Duration::zero());  // the turn's share is used up
}

// ---- states ------------------------------------------------------------------------------------

// Goes from state to state as far as input allows. No effect when called from within: the outer
// call goes on.
void Connection::advance() {
  if (advancing_) return;
  advancing_ = true;
  Turn turn;
  while (!closed() && step())
    if (turn.is_over()) {
      if (!closed()) resume_timer_.arm_after(Duration::zero());
      break;
    }
  advancing_ = false;
}

bool Connection::step() {
  switch (state_) {
    case State::idle:
    case State::head:
      return step_head();
    case State::exchange:
      if (!exchange_->has_ended() || !output_.empty()) return false;
      end_exchange();
      return true;
    case State::discard:
      return step_discard();
    case State::linger:
      return step_linger();
    case State::closed:
      break;
  }
  return false;
}

bool Connection::step_head() {
  const bool more = read_input();
  // Empty lines between requests are no request (RFC 9112 section 2.2), and start no deadline; nor
  // does a CR whose LF is still to come.
  while (state_ == State::idle && input_.view().starts_with("\r\n"))
    input_.drop(2);
  if (input_.empty() || (state_ == State::idle && input_.view() == "\r")) {
    if (input_ended_ || (draining_ && !more)) close();
    return more;
  }
  if (state_ == State::idle) {
    enter(State::head);
    head_scanned_ = 0;
  }
  if (stream_.is_in_the_clear()) {
    refuse(400, in_the_clear);
    return true;
  }
  if (begins_http2() && step_preface()) return more;
  const Limits& limits = server_.limits();
  const HeadLimits head_limits = {.head_bytes_max = limits.header_size,
                                  .target_bytes_max = limits.target_size,
                                  .fields_max = limits.header_fields};
  const auto head = parse_head(input_.view(), head_scanned_, head_limits, request_);
  switch (head.state) {
    case HeadStatus::State::complete:
      input_.drop(head.consumed);
      begin_exchange();
      watch_half_close();
      exchange_->start();
      return true;
    case HeadStatus::State::refused:
      refuse(head.status, head.reason);
      return true;
    case HeadStatus::State::incomplete:
      break;
  }
  if (input_ended_) close();
  return more;
}

// What has come may still become the preface of HTTP/2, or is more than that.
bool Connection::begins_http2() const {
  return requests_served_ == 0 && stream_.security() == nullptr &&
         server_.may_speak_http2(client_.listener()) &&
         preface.starts_with(input_.view().substr(0, preface.size()));
}

// Hands the connection over once the preface is whole. False: the client has left before.
bool Connection::step_preface() {
  if (input_.size() < preface.size()) return !input_ended_;
  watch_.cancel();
  connection::Client client = std::move(client_);
  const std::string read(input_.view());
  close();
  server_.turn_to_http2(std::move(client), read);
  return true;
}

// Reads the rest of a body that nobody wants, so that the connection can be reused.
bool Connection::step_discard() {
  read_input();
  for (auto bytes = message_.body.peek(input_); !bytes.empty(); bytes = message_.body.peek(input_))
    message_.body.consume(input_, bytes.size());
  if (message_.body.state() == BodyReader::State::complete) {
    enter(State::idle);
    readable_ |= draining_;
    return true;
  }
  if (input_ended_ || message_.body.state() == BodyReader::State::malformed) {
    close();
  } else if (message_.body.received() > discard_bytes_max) {
    stream_.finish_writing();
    enter(State::linger);
  }
  return readable_;
}

// Our response may be lost if we close while the client still sends (RFC 9112 section 9.6). So we
// shut our side, and drop all input until the client has seen that, or takes too long.
bool Connection::step_linger() {
  input_.drop(input_.size());
  const bool more = read_input();
  if (input_ended_) close();
  return more;
}

// ---- an exchange's beginning and end -----------------------------------------------------------

void Connection::begin_exchange() {
  enter(State::exchange);
  const Limits& limits = server_.limits();
  body_timer_.refill(limits.body_timeout, limits.body_rate);
  send_timer_.refill(limits.send_timeout, limits.send_rate);
  message_ = {.body = BodyReader(request_)};
  ++requests_served_;
  exchange_ = std::make_unique<exchange::Exchange>(server_.host(), *this, request_);
}

// A request that could not be read: nothing after it is read either. What there was of its request
// line is kept for the logs.
void Connection::refuse(int status, std::string_view reason) {
  const bool no_content = asks_for_no_content(input_.view());
  const auto line = request_.reset(first_line(input_.view()).substr(0, refused_line_bytes_max));
  if (no_content) request_.method = "HEAD";
  begin_exchange();
  input_.drop(input_.size());
  exchange_->refuse(status, reason, line);
  advance();
}

void Connection::drop_exchange() {
  server_.host().release(std::move(exchange_));
  half_close_timer_.disarm();
}

void Connection::end_exchange() {
  const bool is_aborted = exchange_->reply() == exchange::Exchange::Reply::aborted;
  const int status = exchange_->status();
  exchange_->delivered();
  drop_exchange();
  const bool body_left = message_.body.state() != BodyReader::State::complete;
  if (is_aborted) {
    // Without a length or chunks, a plain close would look like the end.
    if (message_.framing == BodyFraming::close) stream_.reset_on_close();
    return close();
  }
  if (message_.keep_alive) {
    enter(body_left ? State::discard : State::idle);
    if (!body_left) input_.release_if_empty();
    readable_ |= draining_;  // it was asked to go on; what has arrived is answered
    return;
  }
  read_input();  // closing with unread input is a reset, and the response may be lost
  // What follows a refused head is unknown; its request has no target.
  if (!body_left && input_.empty() && request_.framing == http::Framing::none && status != 400 &&
      !request_.raw_target.empty() && stream_.may_close())
    return close();
  stream_.finish_writing();
  enter(State::linger);
}

}  // namespace cgisrv::http1
