#include "server/connection.h"

#include <array>

#include "base/check.h"
#include "server/service.h"

namespace cgisrv::server {

namespace {

constexpr std::uint64_t input_bytes_max = 64 * 1024;
constexpr unsigned turn_steps_max = 64;                // of one connection, before the others' turn
constexpr Duration linger_timeout{5'000};              // the client's last words may take so long
constexpr Duration acknowledgement_patience{100};      // for what was sent after a half-close
constexpr std::uint64_t discard_bytes_max = 16 << 20;  // of a body that nobody wants

}  // namespace

// What each state waits for, and for how long.
struct Connection::StateRow {
  std::string_view name;
  Duration Limits::*deadline;  // none: what it waits for has its own
};

const Connection::StateRow& Connection::row(State state) {
  static constexpr std::array<StateRow, 6> rows = {{
      {"idle", &Limits::keepalive_timeout},
      {"head", &Limits::header_timeout},
      {"exchange", nullptr},
      {"discard", nullptr},
      {"linger", nullptr},
      {"closed", nullptr},
  }};
  return rows[static_cast<std::size_t>(state)];
}

Connection::Connection(Service& service, pool::Connection accepted)
    : service_(service),
      accepted_(std::move(accepted)),
      stream_(std::move(accepted_.socket)),
      input_timer_(service.loop(), Callback::of<&Connection::input_due>(*this)),
      body_patience_(service.loop(), Callback::of<&Connection::body_due>(*this)),
      send_patience_(service.loop(), Callback::of<&Connection::output_due>(*this)),
      half_close_timer_(service.loop(), Callback::of<&Connection::half_close_due>(*this)),
      resume_timer_(service.loop(), Callback::of<&Connection::resume>(*this)) {}

void Connection::start() {
  watch_ = Watch(service_.loop(), stream_.fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                 Callback::of<&Connection::socket_ready>(*this));
  if (!watch_) return close();
  enter(State::head);  // a connection that says nothing has no claim on the keep-alive time
}

void Connection::enter(State state) {
  state_ = state;
  body_patience_.pause();
  if (state == State::discard) body_patience_.wait();
  if (state == State::linger) return input_timer_.arm_after(linger_timeout);
  if (const auto deadline = row(state).deadline)
    return input_timer_.arm_after(service_.config().limits.*deadline);
  input_timer_.disarm();
}

void Connection::drain() {
  draining_ = true;
  if (state_ == State::idle) {  // a request that has come by now is answered
    readable_ = true;
    advance();
  }
  if (state_ == State::idle || (state_ == State::head && input_.empty())) close();
}

void Connection::close() {
  if (closed()) return;
  if (state_ == State::exchange) {
    log_access();
    // Else it would be taken for whole.
    if (responded_ && framing_ == http::BodyFraming::close) stream_.reset_on_close();
    if (handler_) handler_->client_left(handler_);
  }
  enter(State::closed);
  send_patience_.pause();
  half_close_timer_.disarm();
  resume_timer_.disarm();
  drop_handler();
  watch_.forget();
  stream_.close();
  service_.forget(*this);
}

// ---- events ------------------------------------------------------------------------------------

void Connection::socket_ready(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close();
  if ((events & EPOLLRDHUP) != 0) peer_half_closed_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) writable_ = true;
  resume(0);
}

// Everything that may have become possible, tried once, and never with a handler on the stack.
void Connection::resume(std::uint32_t) {
  if (state_ == State::exchange) {
    const bool was_full = output_.room() == 0;
    send_output();
    if (was_full && !response_ended_ && output_.room() > 0 && handler_) handler_->room_ready();
    if (state_ == State::exchange && readable_) {
      if (body_discarded_)
        discard_body();
      else if (handler_ && !response_ended_ && body_open_ &&
               body_.state() == http::BodyReader::State::open)
        handler_->body_ready();
    }
    take_body_fault();
    if (state_ == State::exchange && !half_close_timer_.armed()) watch_half_close();
  }
  advance();
}

void Connection::input_due(std::uint32_t) {
  if (state_ == State::head && !input_.empty())
    return refuse(408, "the request's head did not arrive in time (header_timeout)");
  close();
}

void Connection::body_due(std::uint32_t) {
  if (state_ != State::exchange) return close();
  note_body_fault(408, "the request's body came too slowly (body_timeout, body_rate)");
  take_body_fault();
  advance();
}

// Whether the client has taken something can be seen before the kernel has room for more: it asks
// for more only when much of a large buffer is free.
void Connection::output_due(std::uint32_t) {
  earn_delivered();
  if (send_patience_.left() == Clock::duration::zero()) return close();
  send_patience_.wait();
}

// A client that has shut its sending side may still be reading, or may be gone: the two look the
// same until something is sent, which who is gone answers with a reset. It gets this long.
void Connection::watch_half_close() {
  if (peer_half_closed_ && !peer_reads_on_)
    half_close_timer_.arm_after(service_.config().limits.half_close_timeout);
}

void Connection::half_close_due(std::uint32_t) {
  if (responded_ && !output_.empty()) return;  // slow, as any client may be: see send_timeout
  if (!sent_since_half_close_) return close();
  peer_reads_on_ = stream_.unacknowledged() == 0;
  if (!peer_reads_on_) half_close_timer_.arm_after(acknowledgement_patience);
}

// ---- input and output --------------------------------------------------------------------------

// Reads once. Returns whether anything came.
bool Connection::read_input() {
  // The longest head must fit in, and some more to see that one is too long.
  const auto most = std::max(input_bytes_max, service_.config().limits.header_size + 1024);
  if (!readable_ || input_.size() >= most) return false;
  const auto room = std::min(service_.scratch().size(), most - input_.size());
  const auto space = service_.scratch().first(room);
  const net::Io io = stream_.read(space);
  // Short reads have emptied the socket: what comes later is a new edge.
  if (io.status != net::Io::Status::ok || io.bytes < space.size()) readable_ = false;
  if (io.status == net::Io::Status::ok) {
    input_.append({space.data(), io.bytes});
    body_patience_.earn(io.bytes);
  }
  if (io.status == net::Io::Status::ended || io.status == net::Io::Status::failed)
    input_ended_ = true;
  // The end of the stream comes without another edge when it was there before the last read.
  if (peer_half_closed_ && io.status == net::Io::Status::ok) readable_ = true;
  return io.status == net::Io::Status::ok;
}

void Connection::send_output() {
  if (closed() || !writable_ || output_.empty()) return;
  const std::uint64_t before = bytes_sent_;
  const auto status = output_.flush(stream_, bytes_sent_);
  written_ += bytes_sent_ - before;
  if (status == net::Io::Status::failed) return close();
  sent_since_half_close_ |= peer_half_closed_ && bytes_sent_ != before;
  writable_ = status != net::Io::Status::blocked;
  if (!writable_) return wait_for_reader();
  send_patience_.pause();
  if (!output_.empty()) resume_timer_.arm_after(Duration::zero());  // the turn's share is used up
}

void Connection::wait_for_reader() {
  if (!send_patience_.waiting()) earn_delivered();
  send_patience_.wait();
}

// What is on its way to the client is not yet taken by it.
void Connection::earn_delivered() {
  const std::uint64_t delivered = written_ - std::min(written_, stream_.unacknowledged());
  if (delivered > delivered_) send_patience_.earn(delivered - delivered_);
  delivered_ = std::max(delivered, delivered_);
}

// ---- states ------------------------------------------------------------------------------------

// Goes from state to state as far as input allows. Called again from within, it does nothing: the
// outer call goes on.
void Connection::advance() {
  if (advancing_) return;
  advancing_ = true;
  unsigned left = turn_steps_max;
  while (!closed() && left > 0 && step())
    --left;
  if (left == 0 && !closed()) resume_timer_.arm_after(Duration::zero());
  advancing_ = false;
}

bool Connection::step() {
  switch (state_) {
    case State::idle:
    case State::head:
      return step_head();
    case State::exchange:
      if (!response_whole()) return false;
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
    if (input_ended_) close();
    return more;
  }
  if (state_ == State::idle) {
    enter(State::head);
    head_scanned_ = 0;
  }
  const Limits& limits = service_.config().limits;
  const http::HeadLimits head_limits = {.head_bytes_max = limits.header_size,
                                        .target_bytes_max = limits.target_size,
                                        .fields_max = limits.header_fields};
  const auto head = http::parse_head(input_.view(), head_scanned_, head_limits, request_);
  switch (head.state) {
    case http::HeadStatus::State::complete:
      input_.drop(head.consumed);
      begin_exchange();
      return true;
    case http::HeadStatus::State::refused:
      refuse(head.status, head.reason);
      return true;
    case http::HeadStatus::State::incomplete:
      break;
  }
  if (input_ended_) close();
  return more;
}

// The rest of a body that nobody wants is read, so that the connection can go on after it.
bool Connection::step_discard() {
  read_input();
  for (auto bytes = body_.peek(input_); !bytes.empty(); bytes = body_.peek(input_))
    body_.consume(input_, bytes.size());
  if (body_.state() == http::BodyReader::State::complete) {
    enter(State::idle);
    if (draining_) close();
    return true;
  }
  if (input_ended_ || body_.state() == http::BodyReader::State::malformed) {
    close();
  } else if (body_.received() > discard_bytes_max) {
    stream_.finish_writing();
    enter(State::linger);
  }
  return readable_;
}

// Our answer may be lost if we close while the client still sends (RFC 9112 section 9.6): our side
// is shut, and what still comes is dropped until the client has seen that, or takes too long.
bool Connection::step_linger() {
  input_.drop(input_.size());
  const bool more = read_input();
  if (input_ended_) close();
  return more;
}

}  // namespace cgisrv::server
