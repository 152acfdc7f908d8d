#include "backend/call.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "backend/diagnosis.h"
#include "backend/request_writer.h"
#include "base/log.h"
#include "base/shortage.h"
#include "cgi/request_environment.h"
#include "event/turn.h"
#include "process/privileges.h"

namespace cgisrv::backend {

namespace {

using account::Outcome;
using Duration = cgi::Options::Duration;

constexpr std::size_t unsent_max = 64 * 1024;  // more is taken from the client when it has left
constexpr std::uint32_t answered = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr unsigned reads_per_turn = 8;  // of the answer, before other connections' turn

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

// Whether a server of programs is told of it. Its programs have a PATH of their own, unless one is
// configured; and where no file is named, none is told of.
bool is_told(std::string_view variable, bool has_path, bool names_a_file) {
  if (variable.starts_with("PATH=")) return has_path;
  return names_a_file ||
         !(variable.starts_with("SCRIPT_FILENAME=") || variable.starts_with("PATH_TRANSLATED="));
}

}  // namespace

Call::Call(cgi::RunContext& context, IdleConnections& idle, handler::Exchange& exchange,
           Passed passed)
    : context_(context),
      idle_(idle),
      exchange_(exchange),
      target_(passed.target),
      script_(std::move(passed.script)),
      names_a_file_(passed.names_a_file),
      endpoints_(passed.endpoints),
      options_(passed.options),
      redirected_(std::move(passed.redirected)),
      request_id_(exchange.request_id()),
      intake_(exchange, options_, context.spool_memory),
      permit_request_(context.admission_client, options_, target_.address, endpoints_.client,
                      Callback::of<&Call::decided>(*this)),
      account_(std::make_shared<account::Account>()),
      relay_(exchange, script_, options_, account_->usage),
      stderr_log_(request_id_, script_.label()),
      connector_(context.loop, Callback::of<&Call::connected>(*this)),
      answer_(target_.protocol),
      deadlines_(context.loop, options_, Callback::of<&Call::phase_due>(*this),
                 Callback::of<&Call::total_due>(*this)),
      resume_timer_(context.loop, Callback::of<&Call::resume>(*this)) {}

handler::HandlerPtr pass(cgi::RunContext& context, IdleConnections& idle,
                         handler::Exchange& exchange, Passed passed) {
  passed.script.nph = false;  // there is none by FastCGI or SCGI
  // For who looks on: it is what runs the script.
  passed.script.interpreter =
      fmt::format("the {} server {}", name_of(passed.target.protocol), passed.target.address);
  return std::make_unique<Call>(context, idle, exchange, std::move(passed));
}

Call::~Call() {
  stderr_log_.end();
  if (!over()) close(body_failed_ ? Outcome::bad_body : Outcome::client_left);
  if (context_.observer != nullptr) context_.observer->over();
}

void Call::body_failed() {
  body_failed_ = true;  // the exchange drops us next
}

bool Call::client_left() {
  if (state_ != State::running || options_.on_disconnect != cgi::OnDisconnect::finish ||
      !body_sent_)
    return false;
  log::write(log::Level::info, request_id_,
             fmt::format("{}: is answered on, though its client has gone", script_.filename));
  resume_timer_.arm_after(Duration::zero());  // it may have waited for the client
  return true;
}

// ---- before ------------------------------------------------------------------------------------

// Ends a span of the account, and begins the next.
account::Duration Call::lap() {
  const TimePoint began = std::exchange(lap_began_, Clock::now());
  return std::chrono::duration_cast<account::Duration>(lap_began_ - began);
}

void Call::start() {
  exchange_.set_account(account_);
  if (intake_.begin(target_.protocol == Protocol::scgi)) return enter();
  if (const auto why = permit_request_.refused_beforehand(); !why.empty()) return refuse(why);
  exchange_.open_body();
  collect();
}

void Call::collect() {
  const auto step = intake_.collect();
  if (!step) return fail_to_collect(step.error());
  if (*step == cgi::Intake::Step::turn_over) return resume_timer_.arm_after(Duration::zero());
  if (*step == cgi::Intake::Step::waiting) return;
  intake_.count();
  enter();
}

void Call::fail_to_collect(const Error& error) {
  const std::string reason = fmt::format("{}: {}", script_.filename, error.what);
  if (in_head()) return fail(Outcome::not_started, failure_status(error.code), reason);
  cut(Outcome::bad_body, reason);
}

void Call::enter() {
  state_ = State::waiting;
  lap();
  permit_request_.enter();
}

void Call::decided() {
  if (permit_request_.is_admitted()) return admitted();
  if (permit_request_.has_waited()) account_->usage.queue = lap();
  refuse(permit_request_.why_refused());
}

void Call::refuse(std::string_view why) {
  fail(Outcome::refused, 503, fmt::format("{}: {}", script_.filename, why));
}

void Call::admitted() {
  account_->usage.queue = lap();
  permit_ = permit_request_.take();
  body_sent_ = exchange_.request().framing == http::Framing::none;
  if (!body_sent_) exchange_.open_body();
  write_request();
  state_ = State::connecting;
  Connected kept = target_.keep_connections > 0 ? idle_.take(target_.address) : Connected();
  if (!kept.socket) return connect();
  is_reused_ = true;
  if (body_sent_ && is_safe(exchange_.request().method)) sent_once_ = unsent_.view();
  begin(std::move(kept));
}

void Call::write_request() {
  cgi::Environment environment =
      cgi::request_environment({.exchange = exchange_,
                                .script = script_,
                                .endpoints = endpoints_,
                                .options = options_,
                                .fields = context_.fields,
                                .content_length = intake_.content_length(),
                                .redirected = redirected_});
  if (context_.observer != nullptr) context_.observer->starting(script_, environment, account_);
  const bool has_path = std::ranges::any_of(
      options_.env, [](const auto& variable) { return variable.first == "PATH"; });
  auto variables = environment.entries();
  std::erase_if(variables, [&](std::string_view variable) {
    return !is_told(variable, has_path, names_a_file_);
  });
  write_head(unsent_.back(), target_.protocol, variables, target_.keep_connections > 0);
  if (body_sent_) write_body_end(unsent_.back(), target_.protocol);
}

void Call::connect() {
  connector_.begin(target_.address);
}

// Idle connections hold descriptors too: a few of them are closed before a request is refused.
void Call::connected() {
  const int error = connector_.error();
  if (error == 0) return begin({connector_.take(), context_.loop.now()});
  if (error == EMFILE && !std::exchange(has_made_room_, true)) {
    idle_.close_all();
    if (context_.short_of_descriptors.object != nullptr) context_.short_of_descriptors();
    return connect();
  }
  const auto [status, sentence] = diagnose_connection(target_, error, process::own_user_name());
  fail(error == EAGAIN ? Outcome::refused : Outcome::not_started, status,
       fmt::format("{}: {}", script_.filename, sentence));
}

void Call::begin(Connected connected) {
  account::Usage& usage = account_->usage;
  usage.start = lap();
  usage.began = lap_began_;
  account_->belongs_to(permit_request_.stats());
  state_ = State::running;
  connected_since_ = connected.since;
  socket_ = WatchedFd(context_.loop, std::move(connected.socket), answered,
                      WatchCallback::of<&Call::ready>(*this));
  if (!socket_)
    return fail(Outcome::not_started, 503,
                "the kernel refused to watch one more descriptor; raise "
                "fs.epoll.max_user_watches or add memory");
  deadlines_.start();
  feed();
  await();
}

// ---- to the server -----------------------------------------------------------------------------

void Call::body_ready() {
  if (state_ == State::collecting) return collect();
  if (state_ != State::running) return;
  feed();
  await();
}

void Call::feed() {
  if (state_ != State::running) return;
  starved_ = false;
  Turn turn;
  while (!is_refused_ && (fill() || !unsent_.empty())) {
    if (over() || !send()) return;
    if (turn.is_over()) return resume_timer_.arm_after(Duration::zero());
  }
  starved_ = !body_sent_ && unsent_.empty();
}

// Returns whether there is more to send.
bool Call::fill() {
  if (body_sent_ || unsent_.size() >= unsent_max) return false;
  const auto next = intake_.next(context_.scratch);
  if (!next) {
    fail_to_collect(next.error());
    return false;
  }
  const auto bytes = next->substr(0, unsent_max - unsent_.size());
  if (!bytes.empty()) {
    write_body(unsent_.back(), target_.protocol, bytes);
    account_->usage.bytes_in += bytes.size();
    intake_.drop(bytes.size());
  } else if (intake_.is_complete()) {
    write_body_end(unsent_.back(), target_.protocol);
    body_sent_ = true;
  } else {
    return false;
  }
  return true;
}

// Returns whether it may take more.
bool Call::send() {
  if (unsent_.empty()) return true;  // the end of a body, which SCGI does not mark
  const auto bytes = unsent_.view();
  const ssize_t size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (size < 0 && errno == EAGAIN) {
    if (!std::exchange(waits_for_room_, true)) socket_.modify(answered | EPOLLOUT);
    return false;
  }
  if (size < 0) {
    stop_sending();
    return false;
  }
  sent_ += static_cast<std::uint64_t>(size);
  has_progressed_ = true;
  unsent_.drop(static_cast<std::size_t>(size));
  return true;
}

// The server does not read on, which is its right if it has answered; what it has said is read.
void Call::stop_sending() {
  if (may_retry()) return retry();
  is_refused_ = true;
  unsent_ = {};
  starved_ = false;
  if (std::exchange(body_sent_, true)) return;
  intake_.discard();
}

// ---- from the server ---------------------------------------------------------------------------

void Call::ready(std::uint32_t events) {
  if (over()) return;
  if ((events & EPOLLOUT) != 0) feed();
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) pump();
  if (state_ == State::running) exchange_.flush();
  await();
}

void Call::room_ready() {
  pump();
  await();
}

void Call::resume() {
  if (state_ == State::collecting) return collect();
  if (state_ != State::running) return;
  feed();
  pump();
  await();
}

// After each event: starts the time of whomever the call now waits for.
void Call::await() {
  if (state_ != State::running) return;
  const bool has_progressed = std::exchange(has_progressed_, false);
  deadlines_.await(cgi::awaited({.in_head = in_head(),
                                 .broken = is_broken(),
                                 .starved = starved_,
                                 .has_room = exchange_.room() > 0}),
                   has_progressed);
}

// Moves the answer to the client until there is none, or the client or our share of the turn is
// full.
void Call::pump() {
  if (state_ != State::running) return;
  unsigned turns = reads_per_turn;
  while (turns > 0 && state_ == State::running && read_answer())
    --turns;
  if (state_ != State::running) return;
  if (!has_left_ && !in_head() && body_sent_) has_left_ = exchange_.leave();
  exchange_.flush();
  if (turns == 0) resume_timer_.arm_after(Duration::zero());
}

// Returns whether there may be more to read now.
bool Call::read_answer() {
  std::size_t room = context_.scratch.size();
  if (!in_head()) {
    if (exchange_.room() == 0) exchange_.flush();
    room = std::min(room, exchange_.room());
    if (room == 0) return false;
  }
  const ssize_t size = ::recv(socket_.get(), context_.scratch.data(), room, 0);
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && errno == EAGAIN) return false;
  if (size <= 0) {
    gone(size < 0 ? errno : 0);
    return false;
  }
  has_answered_ = true;
  sent_once_.clear();
  take({context_.scratch.data(), static_cast<std::size_t>(size)});
  return true;
}

void Call::take(std::string_view bytes) {
  using Kind = AnswerReader::Part::Kind;
  while (const auto part = answer_.next(bytes)) {
    if (part->kind == Kind::end) {
      end_ = part->end;
      continue;  // its padding
    }
    if (part->kind == Kind::errors) {
      take_errors(part->bytes);
    } else {
      account_->usage.bytes_out += part->bytes.size();
      if (context_.observer != nullptr) context_.observer->printed(part->bytes);
      relay_.take(part->bytes);
      if (relay_.is_hopeless()) return fail_head();
      has_progressed_ |= relay_.phase() == cgi::Relay::Phase::body;
    }
    if (over()) return;
  }
  if (!answer_.problem().empty()) return lost(EPROTO);
  if (!end_) return;
  says_more_ = !bytes.empty();
  ended(*end_);
}

// php-fpm says by it that it has no script to run.
void Call::take_errors(std::string_view bytes) {
  if (context_.observer != nullptr) context_.observer->complained(bytes);
  stderr_log_.feed(bytes);
  exchange_.complain(bytes);
  if (!in_head() || relay_.has_output()) return;
  if (const auto why = explain_refusal(stderr_log_.tail(), script_.filename); !why.empty())
    fail(Outcome::not_started, 404, fmt::format("{}: {}", script_.filename, why));
}

// The server has closed the connection, which is how SCGI ends.
void Call::gone(int error) {
  if (may_retry()) return retry();
  if (target_.protocol == Protocol::scgi && error == 0 && has_answered_) return complete();
  lost(error);
}

// Nothing of the request is known to have been done: nothing of it was sent; or it changes nothing,
// and no answer has begun.
bool Call::may_retry() const {
  return is_reused_ && !is_resent_ && !has_answered_ && (sent_ == 0 || !sent_once_.empty());
}

void Call::retry() {
  is_reused_ = false;
  is_resent_ = true;
  if (sent_ > 0) {
    unsent_ = {};
    unsent_.append(sent_once_);
  }
  sent_ = 0;
  waits_for_room_ = false;
  socket_.reset();
  state_ = State::connecting;
  connect();
}

}  // namespace cgisrv::backend
