#include "exchange/exchange.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/units.h"
#include "config/site.h"
#include "exchange/answer_fields.h"
#include "exchange/encoded_body.h"
#include "exchange/negotiation.h"
#include "handler/handlers.h"
#include "http/conditional.h"
#include "page/pages.h"
#include "site/error_page.h"

namespace cgisrv::exchange {

using handler::FailureHandler;
using handler::PageHandler;

namespace {

constexpr unsigned redirects_max = 10;
constexpr std::size_t unsent_room = 128 * 1024;  // for content that is not sent

// Not 501 or 505 for a head, which is the client's.
bool is_servers_fault(const handler::Failure& failure) {
  return failure.status >= 500 && failure.told.empty() && !failure.reason.empty();
}

}  // namespace

Exchange::Exchange(Host& host, Wire& wire, http::Request& request)
    : host_(host),
      wire_(&wire),
      request_(request),
      began_(host.loop().now()),
      visitor_(wire.client().peer()),
      asked_method_(request.method),
      body_has_length_(request.framing != http::Framing::chunked),
      fault_timer_(host.loop(), Callback::of<&Exchange::settle_body_fault>(*this)) {}

Exchange::~Exchange() = default;

std::string_view Exchange::request_id() const {
  if (request_id_.empty()) request_id_ = host_.next_request_id();
  return request_id_;
}

// ---- beginning and end -------------------------------------------------------------------------

void Exchange::start() {
  host_.describe(request_);
  if (auto refused = find_origin()) return answer(std::move(refused));
  route();
}

// No handler sees such a request, and nothing after it is read.
void Exchange::refuse(int status, std::string_view reason, std::string_view line) {
  refused_line_ = line;
  take_web_servers_id();
  answer(std::make_unique<FailureHandler>(*this, clients_fault(status, reason)));
}

void Exchange::route() {
  if (!memory::sufficient()) return answer(handler::refuse(*this, 503, "memory is short"));
  Routing next = host_.route(*this);
  if (redirects_ > 0) {
    // The body is that of the original request, and the client asked for the program that
    // redirected, unless another one answers.
    next.body_bytes_max = routing_.body_bytes_max;
    if (next.located.location == nullptr) next.located.location = routing_.located.location;
    next.has_password_rules |= routing_.has_password_rules;  // its password is the server's
  }
  routing_ = std::move(next);
  note_program();
  are_ends_found_ = false;  // the site may have a public address
  if (routing_.refusal) return answer(std::move(routing_.refusal));
  if (auto refused = refuse_large_body()) return answer(std::move(refused));
  // The page for a wrong password asks for none again: that would be another guess.
  const bool has_failed_here =
      failed_ && (failed_->failure.status == 401 || failed_->failure.status == 429);
  if (has_failed_here && !routing_.password_rules.empty()) return send_failure(failed_->failure);
  if (auto asking = host_.admit(*this, routing_)) return answer(std::move(asking));
  answer_admitted();
}

void Exchange::let_in(std::string user) {
  if (is_over()) return;
  user_ = std::move(user);
  auth_type_ = "Basic";
  answer_admitted();
}

void Exchange::answer_admitted() {
  // A step of `try` may have a query; the request's own follows it.
  if (const std::string& tried = routing_.located.query; !tried.empty()) {
    tried_query_ = tried;
    if (!request_.target.query.empty()) tried_query_.append("&").append(request_.target.query);
    request_.target.query = tried_query_;
    request_.target.has_query = true;
  }
  answer(host_.answer(*this, routing_));
}

// Its handler takes the script with it.
void Exchange::note_program() {
  if (failed_ && !script_name_.empty()) return;  // the program that failed is the one to name
  if (routing_.site == nullptr || routing_.located.kind != site::Located::Kind::program) return;
  script_name_ = routing_.located.script.name;
  script_filename_ = routing_.located.script.filename;
}

void Exchange::answer(handler::HandlerPtr handler) {
  if (handler_) host_.loop().dispose(std::move(handler_));
  handler_ = std::move(handler);
  handler_->start();
}

void Exchange::room_ready() {
  if (handler_ && !has_ended()) handler_->room_ready();
  settle_body_fault();
}

void Exchange::delivered() {
  if (is_over()) return;
  log_access();
  host_.count_answered();
  let_go();
}

void Exchange::client_gone() {
  if (is_over()) return;
  log_access();
  if (!is_detached_) is_detached_ = handler_ && handler_->client_left();
  let_go();
}

void Exchange::let_go() {
  wire_ = nullptr;
  encoded_.reset();
  fault_timer_.disarm();
}

// ---- the request's body ------------------------------------------------------------------------

// Even if the response would take no body: a client that announces too much is told so.
handler::HandlerPtr Exchange::refuse_large_body() {
  if (request_.framing != http::Framing::length ||
      request_.content_length <= routing_.body_bytes_max)
    return nullptr;
  return handler::refuse(
      *this, 413, fmt::format("a body of {} {}", size_text(request_.content_length), too_much()));
}

void Exchange::open_body() {
  if (is_over() || body_ != Body::unopened) return;
  body_ = Body::open;
  wire_->open_body();
}

bool Exchange::is_too_large() const {
  return !body_has_length_ && wire_ != nullptr && wire_->body_received() > routing_.body_bytes_max;
}

std::string_view Exchange::body() {
  if (is_over() || body_ == Body::faulted) return {};
  const std::string_view bytes = wire_->body();
  if (body_ != Body::discarded && is_too_large())
    body_failed(413, fmt::format("a body in chunks {}", too_much()));
  return body_ == Body::faulted ? std::string_view{} : bytes;
}

void Exchange::consume(std::size_t bytes) {
  if (!is_over()) wire_->consume(bytes);
}

bool Exchange::body_complete() {
  if (is_over()) return is_detached_;
  return body_ != Body::faulted && wire_->body_complete();
}

void Exchange::discard_body() {
  if (is_over() || body_ == Body::faulted) return;
  body_ = Body::discarded;
  wire_->discard_body();
}

void Exchange::body_ready() {
  if (handler_ && !has_ended() && body_ == Body::open) handler_->body_ready();
  settle_body_fault();
}

// A program must never take a broken body for a whole one. So it is ended, and the client is told
// if that is still possible. Not at once, for the handler is on the stack. A discarded body has no
// faults.
void Exchange::body_failed(int status, std::string reason) {
  if (is_over() || body_ == Body::discarded || body_ == Body::faulted) return;
  body_ = Body::faulted;
  body_fault_ = {.status = status, .reason = std::move(reason)};
  fault_timer_.arm_after(Clock::duration::zero());
}

void Exchange::settle_body_fault() {
  if (is_over() || !body_fault_ || has_ended()) return;
  const BodyFault fault = std::move(*body_fault_);
  body_fault_.reset();
  if (handler_) handler_->body_failed();
  if (reply_ != Reply::none) {
    log::write(log::Level::info, request_id(),
               fmt::format("{}; the exchange is cut", fault.reason));
    return wire_->close();
  }
  handler_.reset();  // at once: it must not see another event
  if (fault.status == 413) return answer(handler::refuse(*this, 413, fault.reason));
  answer(std::make_unique<FailureHandler>(*this, clients_fault(fault.status, fault.reason)));
}

// ---- the response ------------------------------------------------------------------------------

void Exchange::respond(http::Response response) {
  if (is_over() || reply_ != Reply::none) return;
  reply_ = Reply::head;
  std::ranges::move(carried_, std::back_inserter(response.fields));
  if (failed_ && response.status == 200 && response.reason.empty())
    response.status = failed_->failure.status;
  status_ = response.status;
  if (status_ == 205) response.content_length = 0;  // whatever the program prints: RFC 9110 15.3.6
  http::add_origin_fields(response, std::time(nullptr));
  const auto* const location = routing_.located.location;
  if (location != nullptr && !location->answers.fields.empty())
    apply_field_rules(location->answers.fields, response);
  content_ = http::content_of(request_.method, response);
  if (content_ == http::Content::sized) length_left_ = response.content_length.value_or(0);
  if (location != nullptr && location->answers.compress) encode(response);
  wire_->respond(response, encoded_ ? http::Content::unsized : content_);
}

// Compresses the content, if that pays and the client takes it.
void Exchange::encode(http::Response& response) {
  for (const encoding::Coding coding : negotiate(request_, response)) {
    if (content_ == http::Content::none) return show_coding(response, coding);
    auto encoder = encoding::make_encoder(coding);
    if (!encoder) continue;
    encoded_ = std::make_unique<EncodedBody>(host_.loop(), *wire_, std::move(encoder),
                                             Callback::of<&Exchange::room_ready>(*this));
    return show_coding(response, coding);
  }
}

void Exchange::respond_raw(int status) {
  if (is_over() || reply_ != Reply::none) return;
  reply_ = Reply::head;
  status_ = status;
  content_ = http::Content::unsized;
  wire_->respond_raw();
}

std::size_t Exchange::room() const {
  if (is_detached_ || (reply_ != Reply::none && content_ == http::Content::none))
    return unsent_room;
  if (is_over()) return 0;
  return encoded_ ? std::min(encoded_->room(), wire_->room()) : wire_->room();
}

void Exchange::write(std::string_view bytes) {
  if (is_over() || content_ == http::Content::none) return;
  if (content_ == http::Content::sized) {
    bytes = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), length_left_));
    length_left_ -= bytes.size();
  }
  if (bytes.empty()) return;
  if (encoded_) return encoded_->write(bytes);
  wire_->write(bytes);
}

void Exchange::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  if (is_over() || content_ == http::Content::none || length == 0) return;
  CGISRV_CHECK(takes_files() && content_ == http::Content::sized && length_left_ >= length);
  length_left_ -= length;
  wire_->send_file(file, offset, length);
}

std::uint64_t Exchange::missing() const {
  return is_over() ? 0 : length_left_;
}

void Exchange::flush() {
  if (is_over()) return;
  if (encoded_ && room() > 0) encoded_->flush();  // without room, more is to come at once
  wire_->flush();
}

void Exchange::set_account(std::shared_ptr<account::Account> account) {
  if (failed_ && account_) return;  // the log tells of the program that failed
  account_ = std::move(account);
}

// Whether the handler ends after the client has: then nobody hears of it.
bool Exchange::ends_unheard() {
  if (!is_over() && !has_ended()) return false;
  if (std::exchange(is_detached_, false) && is_over()) host_.drop(*this);
  return true;
}

void Exchange::finish() {
  if (ends_unheard()) return;
  if (missing() != 0) return abort();
  end_content();
}

void Exchange::end_content() {
  reply_ = Reply::ended;
  if (encoded_) encoded_->end();
  encoded_.reset();
  wire_->end();
}

bool Exchange::leave() {
  if (is_over() || reply_ != Reply::head) return false;
  if (content_ != http::Content::sized || length_left_ != 0) return false;
  is_detached_ = true;
  end_content();
  return true;
}

void Exchange::abort() {
  if (ends_unheard()) return;
  reply_ = Reply::aborted;
  if (encoded_) encoded_->flush();
  wire_->abort();
}

void Exchange::fail(handler::Failure failure) {
  if (is_detached_)
    log::write(log::Level::warn, request_id(), failure.reason + "; its client had left before");
  if (ends_unheard()) return;
  const bool is_ours = is_servers_fault(failure);
  // Who was kept out, and why, is of more interest than what a client got wrong.
  const bool is_kept_out = failure.status == 403 || failure.status == 429 ||
                           (failure.status == 401 && request_.field("Authorization"));
  const auto level = is_ours       ? log::Level::warn
                     : is_kept_out ? log::Level::notice
                                   : log::Level::info;
  if (!failure.reason.empty()) {
    const std::string text = fmt::format("{}: {}", failure.status, failure.reason);
    log::write(level, request_id(), text);
    if (is_ours || is_kept_out || failure.status == 404) tell_web_server(text);
  }
  if (is_ours && diagnosis_.empty()) diagnosis_ = failure.reason;
  if (reply_ != Reply::none) return abort();
  const bool says_when = std::ranges::any_of(
      failure.fields, [](const http::Field& field) { return field.name == "Retry-After"; });
  if (failure.status == 503 && !says_when)
    failure.fields.push_back({"Retry-After", std::string(http::retry_after_s)});
  if (!show_error_page(failure)) send_failure(failed_ ? failed_->failure : failure);
}

// The page of the site for it, once: if that fails, the server's own page tells of the first
// failure.
bool Exchange::show_error_page(handler::Failure& failure) {
  const config::Location* const location = routing_.located.location;
  if (failed_ || location == nullptr) return false;
  const auto path = site::error_page_for(location->answers.error_pages, failure.status);
  if (path.empty()) return false;
  std::ranges::copy(failure.fields, std::back_inserter(carried_));
  carried_.push_back({"Cache-Control", "no-store"});
  failed_ = std::make_unique<Failed>(std::move(failure), location, std::string(request_.method),
                                     std::string(request_.target.query));
  // They are about what was asked for, not about this page.
  std::erase_if(request_.fields, [](const http::FieldView& field) {
    return http::is_precondition(field.name) || text::equals_ignoring_case(field.name, "Range");
  });
  turn_to(std::string(path));
  return true;
}

// By a page of the server's own.
void Exchange::send_failure(const handler::Failure& failure) {
  std::optional<page::Failure> details;
  const bool may_be_shown = is_servers_fault(failure) || failure.status == 403 ||
                            failure.status == 405 || failure.status == 413;
  if (may_be_shown && !failure.reason.empty() && shows_failures())
    details = page::Failure{script_name_, script_filename_,    failure.reason,
                            failure.exit, failure.stderr_tail, failure.output_head};
  page::Page page = page::error_page(failure.status, request_id(), page::wants_html(request_),
                                     details, failure.told);
  http::Response response = page::page_response(failure.status, page);
  if (!failed_) {  // else they are among those that are carried
    response.add("Cache-Control", "no-store");
    std::ranges::copy(failure.fields, std::back_inserter(response.fields));
  }
  answer(std::make_unique<PageHandler>(*this, std::move(response), std::move(page.body)));
}

// ---- local redirects, RFC 3875 section 6.2.2 ---------------------------------------------------

bool Exchange::may_redirect() const {
  return redirects_ < redirects_max;
}

void Exchange::redirect(std::string path_query, std::vector<http::Field> fields) {
  if (ends_unheard()) return;
  std::ranges::move(fields, std::back_inserter(carried_));
  turn_to(std::move(path_query));
}

// Answers that path by GET, with a body of nothing, as if it had been asked for.
void Exchange::turn_to(std::string path_query) {
  ++redirects_;
  if (redirect_url_.empty()) redirect_url_ = request_.target.path;
  redirect_target_ = std::move(path_query);
  const auto target = http::parse_target("GET", redirect_target_);
  CGISRV_CHECK(target && target->form == http::TargetForm::origin);
  request_.target = *target;
  if (request_.method != "HEAD") request_.method = "GET";
  request_.framing = http::Framing::none;
  std::erase_if(request_.fields, [](const http::FieldView& field) {
    return text::equals_ignoring_case(field.name, "Content-Type") ||
           text::equals_ignoring_case(field.name, "Content-Length");
  });
  discard_body();
  route();
}

cgi::Redirected Exchange::redirected() const {
  if (!failed_) return {.url = redirect_url_};
  return {redirect_url_, failed_->failure.status, failed_->query, failed_->method};
}

void Exchange::send_instead(http::Response head, std::string file) {
  if (ends_unheard()) return;
  answer(host_.send_named_file(*this, routing_, std::move(head), std::move(file)));
}

}  // namespace cgisrv::exchange
