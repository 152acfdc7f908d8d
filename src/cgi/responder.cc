#include "cgi/responder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/shortage.h"
#include "base/text.h"
#include "cgi/diagnosis.h"
#include "cgi/request_environment.h"

namespace cgisrv::cgi {

using account::Outcome;

namespace {
constexpr unsigned reads_per_turn = 8;  // of the output, before other connections' turn
}

Responder::Responder(RunContext& context, handler::Exchange& exchange, Answerer answerer,
                     std::string_view counted_as)
    : context_(context),
      exchange_(exchange),
      script_(std::move(answerer.script)),
      endpoints_(answerer.endpoints),
      options_(answerer.options),
      redirected_(std::move(answerer.redirected)),
      request_id_(exchange.request_id()),
      intake_(exchange, options_, context.spool_memory),
      permit_request_(context.admission_client, options_,
                      counted_as.empty() ? script_.filename : counted_as, endpoints_.client,
                      Callback::of<&Responder::decided>(*this)),
      account_(std::make_shared<account::Account>()),
      relay_(exchange, script_, options_, account_->usage),
      stderr_log_(request_id_, script_.label()),
      deadlines_(context.loop, options_, Callback::of<&Responder::phase_is_due>(*this),
                 Callback::of<&Responder::total_is_due>(*this)),
      resume_timer_(context.loop, Callback::of<&Responder::resume>(*this)) {}

Responder::~Responder() {
  if (context_.observer != nullptr) context_.observer->over();
}

// ---- before ------------------------------------------------------------------------------------

account::Duration Responder::lap() {
  const TimePoint began = std::exchange(lap_began_, Clock::now());
  return std::chrono::duration_cast<account::Duration>(lap_began_ - began);
}

void Responder::start() {
  exchange_.set_account(account_);
  if (intake_.begin(needs_length())) return enter();
  if (const auto why = permit_request_.refused_beforehand(); !why.empty()) return refuse(why);
  exchange_.open_body();
  collect();
}

void Responder::collect() {
  const auto step = intake_.collect();
  if (!step) return fail_to_collect(step.error());
  if (*step == Intake::Step::turn_over) return resume_timer_.arm_after(Options::Duration::zero());
  if (*step == Intake::Step::waiting) return;
  if (const auto ready = collected(); !ready) return fail_to_collect(ready.error());
  enter();
}

void Responder::fail_to_collect(const Error& error) {
  const auto outcome = state_ == State::collecting ? Outcome::not_started : Outcome::bad_body;
  const std::string reason = fmt::format("{}: {}", script_.filename, error.what);
  if (in_head()) return fail(outcome, failure_status(error.code), reason);
  cut(outcome, reason);
}

void Responder::enter() {
  state_ = State::waiting;
  lap();
  permit_request_.enter();
}

void Responder::decided() {
  const bool is_admitted = permit_request_.is_admitted();
  if (is_admitted || permit_request_.has_waited()) account_->usage.queue = lap();
  if (!is_admitted) return refuse(permit_request_.why_refused());
  state_ = State::starting;
  admitted();
}

void Responder::refuse(std::string_view why) {
  fail(Outcome::refused, 503, fmt::format("{}: {}", script_.filename, why));
}

Environment Responder::environment() const {
  Environment environment = request_environment({.exchange = exchange_,
                                                 .script = script_,
                                                 .endpoints = endpoints_,
                                                 .options = options_,
                                                 .fields = context_.fields,
                                                 .content_length = intake_.content_length(),
                                                 .redirected = redirected_});
  if (context_.observer != nullptr) context_.observer->starting(script_, environment, account_);
  return environment;
}

void Responder::begin_running() {
  account::Usage& usage = account_->usage;
  usage.start = lap();
  usage.began = lap_began_;
  account_->belongs_to(permit_request_.stats());
  state_ = State::running;
}

// ---- body and output ---------------------------------------------------------------------------

void Responder::body_ready() {
  if (over()) return;
  if (state_ == State::collecting) return collect();
  feed();
  await();
}

void Responder::room_ready() {
  pump();
  await();
}

void Responder::resume() {
  if (over()) return;
  if (state_ == State::collecting) return collect();
  feed();
  pump();
  await();
}

// Moves output to the client until there is none, or the client or our share of the turn is full.
void Responder::pump() {
  if (state_ != State::running) return;
  unsigned turns = reads_per_turn;
  while (turns > 0 && !over() && read_output())
    --turns;
  if (state_ != State::running) return;
  if (has_ended()) return complete();  // which flushes: the end of it goes in one packet
  // A client that has its whole response can send its next request before the end.
  if (!has_left_ && !in_head() && has_body()) has_left_ = exchange_.leave();
  exchange_.flush();
  if (turns == 0) resume_timer_.arm_after(Options::Duration::zero());
}

std::size_t Responder::output_room() {
  if (in_head()) return context_.scratch.size();
  if (exchange_.room() == 0) exchange_.flush();
  return std::min(context_.scratch.size(), exchange_.room());
}

void Responder::pass_on(std::string_view output) {
  account_->usage.bytes_out += output.size();
  if (context_.observer != nullptr) context_.observer->printed(output);
  relay_.take(output);
  if (relay_.is_hopeless()) return fail_head();
  has_progressed_ |= relay_.phase() == Relay::Phase::body;
}

void Responder::pass_on_errors(std::string_view bytes) {
  if (context_.observer != nullptr) context_.observer->complained(bytes);
  stderr_log_.feed(bytes);
  exchange_.complain(bytes);
}

Progress Responder::progress() const {
  return {.in_head = in_head(),
          .broken = is_broken(),
          .starved = starved_,
          .has_room = exchange_.room() > 0};
}

// After each event: starts the time of whomever it now waits for.
void Responder::await() {
  if (state_ != State::running) return;
  const bool has_progressed = std::exchange(has_progressed_, false);
  deadlines_.await(awaited(progress()), has_progressed);
}

// ---- the end -----------------------------------------------------------------------------------

// An incomplete body would end too early: then so does what it is for.
bool Responder::client_left() {
  if (state_ != State::running || options_.on_disconnect != OnDisconnect::finish || !has_body())
    return false;
  note(log::Level::info, fmt::format("{}: runs on, though its client has gone", script_.filename));
  resume_timer_.arm_after(Options::Duration::zero());  // it may have waited for the client
  return true;
}

void Responder::abandon() {
  if (!over()) close(body_failed_ ? Outcome::bad_body : Outcome::client_left);
  leave();
}

void Responder::close(Outcome outcome, std::string_view diagnosis) {
  state_ = State::over;
  if (!account_->usage.start) account_->belongs_to(permit_request_.stats());
  account_->close(outcome, diagnosis);
}

void Responder::conclude() {
  if (relay_.hands_on()) return hand_on();
  if (const auto missing = exchange_.missing(); missing != 0)
    return cut(Outcome::too_short,
               fmt::format("{}: its output ended {} bytes short of its Content-Length{}; the "
                           "response is cut",
                           script_.filename, missing,
                           bad_end().empty() ? "" : ", and it ended with " + bad_end()));
  close_well();
  exchange_.finish();
}

// For one that asks for another path, or for a file.
void Responder::hand_on() {
  if (const auto why = relay_.why_not_handed_on(); !why.empty())
    return fail(Outcome::bad_header, 502, fmt::format("{}: {}", script_.filename, why));
  close_well();
  relay_.hand_on();
}

void Responder::phase_is_due() {
  if (over()) return;
  if (is_broken()) return fail_head();
  phase_due();
}

void Responder::total_is_due() {
  if (!over()) overdue("did not end", "timeout", options_.timeout);
}

void Responder::fail(Outcome outcome, int status, std::string reason, std::string printed) {
  leave();
  handler::Failure failure{.status = status,
                           .reason = std::move(reason),
                           .exit = {},
                           .stderr_tail = stderr_log_.tail(),
                           .output_head = std::move(printed)};
  if (outcome == Outcome::refused && options_.queue.retry_after_s)
    failure.fields.push_back({"Retry-After", std::to_string(*options_.queue.retry_after_s)});
  add_to(failure);
  close(outcome, failure.reason);
  exchange_.fail(std::move(failure));
}

void Responder::fail_head() {
  fail(Outcome::bad_header, 502, fmt::format("{}: {}", script_.filename, relay_.problem()),
       relay_.excerpt());
}

void Responder::cut(Outcome outcome, const std::string& reason) {
  note(log::Level::warn, reason);
  if (exchange_.is_for_web_server())
    exchange_.complain(fmt::format("[{}] {}\n", request_id_, text::printable_line(reason)));
  close(outcome, reason);
  leave();  // now: the client may take long to read the rest
  exchange_.abort();
}

// As long as the client has been sent nothing, it can be told.
void Responder::fail_or_cut(Outcome outcome, int status, std::string reason, std::string printed) {
  if (in_head() || is_broken() || relay_.hands_on())
    return fail(outcome, status, std::move(reason), std::move(printed));
  cut(outcome, reason);
}

void Responder::note(log::Level level, std::string_view text) const {
  log::write(level, request_id_, text);
}

}  // namespace cgisrv::cgi
