// The exchange half of a connection: from a whole head to a whole response.
#include <fmt/compile.h>

#include <algorithm>
#include <ctime>

#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "http/target.h"
#include "server/answer.h"
#include "server/connection.h"
#include "server/handlers.h"
#include "server/pages.h"
#include "server/service.h"

namespace cgisrv::server {

namespace {
constexpr unsigned redirects_max = 10;
constexpr std::uint64_t discard_turn_bytes_max = 1 << 20;
constexpr std::uint64_t unread_body_max = 1 << 20;  // more is not worth keeping a connection for
}  // namespace

// ---- beginning and end -------------------------------------------------------------------------

void Connection::reset_exchange() {
  const Limits& limits = service_.config().limits;
  enter(State::exchange);
  body_patience_.refill(limits.body_timeout, limits.body_rate);
  send_patience_.refill(limits.send_timeout, limits.send_rate);
  request_id_ = service_.next_request_id();
  exchange_started_ = service_.loop().now();
  asked_method_ = request_.method;
  redirect_url_.clear();
  redirects_ = 0;
  carried_.clear();
  body_ = http::BodyReader();
  body_bytes_max_ = UINT64_MAX;
  body_open_ = body_discarded_ = false;
  body_fault_status_ = 0;
  traffic_ = service_.tally() == nullptr ? nullptr : &service_.tally()->unrouted();
  script_name_.clear();
  script_filename_.clear();
  diagnosis_.clear();
  account_.reset();
  responded_ = response_ended_ = aborted_ = false;
  keep_alive_ = false;
  status_ = 0;
  length_left_.reset();
  bytes_sent_ = overhead_bytes_ = 0;
  ++requests_served_;
}

void Connection::begin_exchange() {
  reset_exchange();
  body_ = http::BodyReader(request_);
  service_.worker().describe(
      fmt::format(FMT_COMPILE("{} {}"), request_.method, request_.raw_target));
  watch_half_close();
  answer(choose_answer(service_, *this, redirect_url_));
}

// A request that could not be read: no handler sees it, and nothing after it is read.
void Connection::refuse(int status, std::string_view reason) {
  const bool asks_for_no_content = http::asks_for_no_content(input_.view());
  request_.reset("");
  if (asks_for_no_content) request_.method = "HEAD";
  reset_exchange();
  input_.drop(input_.size());
  answer(std::make_unique<FailureHandler>(
      *this, http::Failure{.status = status, .reason = std::string(reason)}));
  advance();
}

void Connection::answer(std::unique_ptr<http::Handler> handler) {
  drop_handler();
  handler_ = std::move(handler);
  handler_->start();
}

void Connection::drop_handler() {
  if (handler_) service_.loop().dispose(std::move(handler_));
}

void Connection::end_exchange() {
  log_access();
  service_.count_request();
  enter(State::linger);  // logged: close() shall not log it again
  drop_handler();
  half_close_timer_.disarm();
  const bool body_left = body_.state() != http::BodyReader::State::complete;
  if (aborted_) {
    // Without a length or chunks, a plain close would look like the end.
    if (framing_ == http::BodyFraming::close) stream_.reset_on_close();
    return close();
  }
  if (keep_alive_ && !draining_) {
    enter(body_left ? State::discard : State::idle);
    if (!body_left) input_.release_if_empty();
    return;
  }
  read_input();  // with something left unread, to close is to reset, and the answer may be lost
  // Of a head that was refused nobody knows what follows; its request has no target.
  if (!body_left && input_.empty() && request_.framing == http::Framing::none && status_ != 400 &&
      !request_.raw_target.empty())
    return close();
  stream_.finish_writing();
  enter(State::linger);
}

void Connection::log_access() {
  const Clock::duration duration = Clock::now() - exchange_started_;
  if (traffic_ != nullptr) service_.tally()->count(*traffic_, status_, duration);
  AccessEntry entry = {.diagnosis = diagnosis_,
                       .status = status_,
                       .duration = duration,
                       .costs = account_ ? &account_->costs() : nullptr};
  if (!service_.wants(entry)) return;
  const auto field = [&](std::string_view name) { return request_.field(name).value_or(""); };
  std::string line;
  if (!request_.raw_target.empty())
    line = fmt::format(FMT_COMPILE("{} {} HTTP/1.{}"), asked_method_, request_.raw_target,
                       request_.version == http::Version::http11 ? 1 : 0);
  entry.remote_address = endpoints().remote_address;
  entry.request_line = line;
  entry.method = asked_method_;
  entry.target = request_.raw_target;
  entry.host = request_.host;
  entry.referer = field("Referer");
  entry.user_agent = field("User-Agent");
  entry.request_id = request_id_;
  entry.script = script_name_;
  entry.program = script_filename_;
  entry.bytes_sent = bytes_sent_ - std::min(bytes_sent_, overhead_bytes_);
  entry.bytes_received = body_.received();
  if (!account_ || account_->settled()) return service_.write(entry);
  account_->when_settled(
      [kept = KeptEntry(entry), &service = service_](const account::Costs& costs) {
        AccessEntry late = kept.entry();
        late.costs = &costs;
        service.write(late);
      });
}

// ---- the request's body ------------------------------------------------------------------------

void Connection::limit_body(std::uint64_t bytes_max) {
  body_bytes_max_ = bytes_max;
}

void Connection::open_body() {
  if (closed() || body_open_) return;
  body_open_ = true;
  if (body_.state() != http::BodyReader::State::open) return;
  if (request_.expects_continue && input_.empty()) {
    overhead_bytes_ += http::continue_head.size();
    output_.append(http::continue_head);
    send_output();
  }
  body_patience_.wait();
}

std::string_view Connection::body() {
  if (closed() || body_fault_status_ != 0) return {};
  std::string_view bytes = body_.peek(input_);
  while (bytes.empty() && body_.state() == http::BodyReader::State::open && read_input())
    bytes = body_.peek(input_);
  const bool waits = bytes.empty() && body_.state() == http::BodyReader::State::open;
  // Only while it is the client that is waited for.
  if (waits && !input_ended_ && !body_discarded_) {
    body_patience_.wait();
  } else {
    body_patience_.pause();
  }
  if (waits && input_ended_) note_body_fault(400, "the request's body was cut short");
  if (body_.state() == http::BodyReader::State::malformed)
    note_body_fault(400, "the request's chunked body is malformed");
  if (body_.received() > body_bytes_max_ && request_.framing == http::Framing::chunked)
    note_body_fault(413, "the request's body is larger than body_size");
  return body_fault_status_ == 0 ? bytes : std::string_view{};
}

void Connection::consume(std::size_t bytes) {
  if (!closed()) body_.consume(input_, bytes);
}

bool Connection::body_complete() {
  if (closed() || body_fault_status_ != 0) return false;
  body_.peek(input_);
  return body_.state() == http::BodyReader::State::complete;
}

void Connection::discard_body() {
  body_discarded_ = true;
  body_patience_.pause();
  const std::uint64_t most = body_.received() + discard_turn_bytes_max;
  for (auto bytes = body(); !bytes.empty(); bytes = body()) {
    if (body_.received() > most) return resume_timer_.arm_after(Duration::zero());
    consume(bytes.size());
  }
}

// A program must never take a broken body for a whole one: it is ended, and the client is told
// where it still can be. Not at once, for the handler is on the stack.
void Connection::note_body_fault(int status, std::string_view reason) {
  if (body_fault_status_ != 0 || body_discarded_) return;  // whom nobody listens to cannot err
  body_fault_status_ = status;
  body_fault_reason_ = reason;
  body_patience_.pause();
  resume_timer_.arm_after(Duration::zero());
}

void Connection::take_body_fault() {
  if (closed() || body_fault_status_ == 0 || response_ended_) return;
  if (handler_) handler_->body_failed();
  if (responded_) {
    log::write(log::Level::info, request_id_,
               fmt::format("{}; the exchange is cut", body_fault_reason_));
    return close();
  }
  handler_.reset();  // at once: it must not see another event
  answer(std::make_unique<FailureHandler>(
      *this,
      http::Failure{.status = body_fault_status_, .reason = std::string(body_fault_reason_)}));
}

// ---- the response ------------------------------------------------------------------------------

bool Connection::may_keep_alive(http::BodyFraming framing) const {
  const bool unread = body_.state() != http::BodyReader::State::complete;
  const bool too_much =
      unread && !body_open_ && (request_.expects_continue || body_.left() > unread_body_max);
  return request_.keep_alive && framing != http::BodyFraming::close && !draining_ &&
         !last_is_next_ && !too_much && status_ != 400 && body_fault_status_ == 0 &&
         requests_served_ < service_.config().limits.keepalive_requests;
}

void Connection::respond(http::Response response) {
  if (closed() || responded_) return;
  responded_ = true;
  for (http::Field& field : carried_)
    response.fields.push_back(std::move(field));
  status_ = response.status;
  if (status_ == 205) response.content_length = 0;  // whatever the program prints: RFC 9110 15.3.6
  framing_ = http::choose_framing(request_, response);
  if (framing_ == http::BodyFraming::length) length_left_ = response.content_length;
  keep_alive_ = may_keep_alive(framing_);
  const std::size_t before = output_.back().size();
  http::write_head(output_.back(), request_, response, framing_, keep_alive_, std::time(nullptr));
  overhead_bytes_ += output_.back().size() - before;
}

void Connection::respond_raw(int status) {
  responded_ = true;
  status_ = status;
  framing_ = http::BodyFraming::close;
  keep_alive_ = false;
}

std::size_t Connection::room() const {
  if (closed()) return 0;
  return framing_ == http::BodyFraming::none && responded_ ? net::Output::bytes_max
                                                           : output_.room();
}

void Connection::write(std::string_view bytes) {
  if (closed() || framing_ == http::BodyFraming::none) return;
  if (length_left_) {
    bytes = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), *length_left_));
    *length_left_ -= bytes.size();
  }
  if (bytes.empty()) return;
  if (framing_ != http::BodyFraming::chunked) return output_.append(bytes);
  const std::size_t before = output_.back().size();
  http::write_chunk_size(output_.back(), bytes.size());
  output_.append(bytes);
  output_.append(http::chunk_end);
  overhead_bytes_ += output_.back().size() - before - bytes.size();
}

void Connection::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  if (closed() || framing_ == http::BodyFraming::none || length == 0) return;
  CGISRV_CHECK(length_left_ && *length_left_ >= length);
  *length_left_ -= length;
  output_.append_file(file, offset, length);
}

std::uint64_t Connection::missing() const {
  return closed() ? 0 : length_left_.value_or(0);
}

void Connection::flush() {
  send_output();
}

void Connection::charge(std::shared_ptr<account::Account> account) {
  account_ = std::move(account);
}

void Connection::finish() {
  if (closed() || response_ended_) return;
  if (missing() != 0) return abort();
  response_ended_ = true;
  if (framing_ == http::BodyFraming::chunked) {
    output_.append(http::last_chunk);
    overhead_bytes_ += http::last_chunk.size();
  }
  send_output();
  // The client may read only when it has sent everything.
  if (!output_.empty()) discard_body();
  advance();
}

std::unique_ptr<http::Handler> Connection::leave() {
  if (closed() || response_ended_ || !responded_ || length_left_ != 0U) return nullptr;
  auto handler = std::move(handler_);
  finish();
  return handler;
}

void Connection::abort() {
  if (closed() || response_ended_) return;
  response_ended_ = aborted_ = true;
  keep_alive_ = false;
  send_output();
  advance();
}

void Connection::fail(http::Failure failure) {
  if (closed() || response_ended_) return;
  const auto level = failure.status >= 500 ? log::Level::warn : log::Level::info;
  log::write(level, request_id_, fmt::format("{}: {}", failure.status, failure.reason));
  if (failure.status >= 500) diagnosis_ = failure.reason;
  if (responded_) return abort();
  std::optional<Failure> details;
  if (shows_failures() && (failure.status >= 500 || failure.status == 403))
    details = Failure{script_name_, script_filename_,    failure.reason,
                      failure.exit, failure.stderr_tail, failure.output_head};
  Page page = error_page(failure.status, request_id_, wants_html(request_), details);
  http::Response response = page_response(failure.status, page);
  response.add("Cache-Control", "no-store");
  if (failure.status == 503) response.add("Retry-After", "5");
  answer(std::make_unique<PageHandler>(*this, std::move(response), std::move(page.body)));
}

void Connection::redirect(std::string path_query, std::vector<http::Field> fields) {
  if (closed()) return;
  if (++redirects_ > redirects_max)
    return fail({.status = 502,
                 .reason = fmt::format("{}: more than 10 local redirects in a row; is it a loop?",
                                       script_filename_)});
  if (redirect_url_.empty()) redirect_url_ = request_.target.path;
  redirect_target_ = std::move(path_query);
  const auto target = http::parse_target("GET", redirect_target_);
  if (!target || target->form != http::TargetForm::origin)
    return fail({.status = 502,
                 .reason = fmt::format("the program's Location is no path: \"{}\"",
                                       text::escape(redirect_target_, 200))});
  for (http::Field& field : fields)
    carried_.push_back(std::move(field));
  request_.target = *target;
  if (request_.method != "HEAD") request_.method = "GET";
  request_.framing = http::Framing::none;
  std::erase_if(request_.fields, [](const http::FieldView& field) {
    return text::equals_ignoring_case(field.name, "Content-Type") ||
           text::equals_ignoring_case(field.name, "Content-Length");
  });
  discard_body();
  answer(choose_answer(service_, *this, redirect_url_));
}

// ---- for what answers --------------------------------------------------------------------------

const cgi::Endpoints& Connection::endpoints() {
  if (ends_) return ends_->view;
  const auto peer = net::Address::from_kernel(accepted_.peer, accepted_.peer_size);
  // A socket may have no address of its own: it is closed, or one of a pair. Its listener has.
  net::Address server = stream_.fd() >= 0 ? net::local_address(stream_.fd()) : net::Address();
  if (server.host().empty()) server = service_.address(accepted_.listener);
  const bool local = server.family() == AF_UNIX;
  ends_ = std::make_unique<Ends>();
  if (!local) {
    ends_->remote_address = peer.host();
    ends_->remote_port = std::to_string(peer.port());
    ends_->server_address = server.host();
    ends_->server_port = std::to_string(server.port());
  }
  ends_->view = {.remote_address = ends_->remote_address,
                 .remote_port = ends_->remote_port,
                 .server_address = ends_->server_address,
                 .server_port = ends_->server_port,
                 .client = peer.client()};
  return ends_->view;
}

bool Connection::shows_failures() const {
  return service_.config().show_failures && service_.address(accepted_.listener).loopback();
}

void Connection::set_location(const Location& location) {
  if (traffic_ != nullptr) traffic_ = &service_.tally()->row(location);
}

void Connection::set_script(std::string name, std::string filename) {
  script_name_ = std::move(name);
  script_filename_ = std::move(filename);
}

}  // namespace cgisrv::server
