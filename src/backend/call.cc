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
    : Responder(context, exchange, std::move(passed.answerer), passed.target.address),
      idle_(idle),
      target_(passed.target),
      names_a_file_(passed.names_a_file),
      connector_(context.loop, Callback::of<&Call::connected>(*this)),
      answer_(target_.protocol) {}

handler::HandlerPtr pass(cgi::RunContext& context, IdleConnections& idle,
                         handler::Exchange& exchange, Passed passed) {
  passed.answerer.script.nph = false;  // there is none by FastCGI or SCGI
  // For who looks on: it is what runs the script.
  passed.answerer.script.interpreter =
      fmt::format("the {} server {}", name_of(passed.target.protocol), passed.target.address);
  return std::make_unique<Call>(context, idle, exchange, std::move(passed));
}

// ---- before ------------------------------------------------------------------------------------

Result<void> Call::collected() {
  intake_.count();
  return {};
}

void Call::admitted() {
  permit_ = permit_request_.take();
  body_sent_ = exchange_.request().framing == http::Framing::none;
  if (!body_sent_) exchange_.open_body();
  write_request();
  Connected kept = target_.keep_connections > 0 ? idle_.take(target_.address) : Connected();
  if (!kept.socket) return connect();
  is_reused_ = true;
  if (body_sent_ && is_safe(exchange_.request().method)) sent_once_ = unsent_.view();
  begin(std::move(kept));
}

void Call::write_request() {
  cgi::Environment told = environment();
  const bool has_path = std::ranges::any_of(
      options_.env, [](const auto& variable) { return variable.first == "PATH"; });
  auto variables = told.entries();
  std::erase_if(variables, [&](std::string_view variable) {
    return !is_told(variable, has_path, names_a_file_);
  });
  write_head(unsent_.back(), target_.protocol, variables, target_.keep_connections > 0);
  if (body_sent_) write_body_end(unsent_.back(), target_.protocol);
}

void Call::connect() {
  connector_.begin(target_.addresses());
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
  begin_running();
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

// Returns whether there may be more to read now.
bool Call::read_output() {
  // A connection that is being made again has nothing to read.
  const std::size_t room = state_ == State::running ? output_room() : 0;
  if (room == 0) return false;
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
      pass_on(part->bytes);
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
  pass_on_errors(bytes);
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
  state_ = State::starting;
  connect();
}

}  // namespace cgisrv::backend
