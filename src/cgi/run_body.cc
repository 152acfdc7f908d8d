// The part of a request's body that a run has before it asks for a permit, and its way out again.
#include <algorithm>

#include "base/shortage.h"
#include "cgi/run.h"
#include "event/turn.h"

namespace cgisrv::cgi {

using Duration = Options::Duration;
using account::Outcome;

void Run::start() {
  exchange_.set_account(account_);
  const http::Request& request = exchange_.request();
  if (request.framing == http::Framing::length) {
    content_length_ = request.content_length;
    collects_ = std::min(request.content_length, options_.spool_memory);
  } else if (request.framing == http::Framing::chunked && options_.chunked == ChunkedBody::spool) {
    collects_ = UINT64_MAX;
  }
  // Most bodies come with their head, and are whole by now: they stay where they are.
  if (collects_ == 0 || exchange_.body().size() >= collects_) return enter();
  await_body();
}

// No client is asked for a body only to be refused afterwards.
void Run::await_body() {
  if (context_.admission_client != nullptr)
    if (const auto held_by = context_.admission_client->refuses(admission_request()))
      return refuse(admission::PendingAdmission::State::full, *held_by);
  exchange_.open_body();
  collect();
}

void Run::collect() {
  Turn turn;
  while (spool_.size() < collects_) {
    const auto bytes = exchange_.body().substr(0, collects_ - spool_.size());
    if (bytes.empty()) break;
    if (auto kept = spool_.append(bytes); !kept) return fail_to_spool(kept.error());
    exchange_.consume(bytes.size());
    if (turn.is_over() && spool_.size() < collects_)
      return resume_timer_.arm_after(Duration::zero());
  }
  if (spool_.size() == collects_ || exchange_.body_complete()) collected();
}

void Run::collected() {
  if (!content_length_) {
    content_length_ = spool_.size();
    auto input = spool_.take();
    if (!input) return fail_to_spool(input.error());
    input_ = std::move(*input);
  }
  enter();
}

void Run::fail_to_spool(const Error& error) {
  fail(Outcome::not_started, failure_status(error.code),
       fmt::format("{}: {}", script_.filename, error.what));
}

// What was collected goes before what still comes.
std::string_view Run::next_input() {
  if (spool_.size() == 0) return exchange_.body();
  const auto bytes = spool_.front(context_.scratch);
  if (bytes) return *bytes;
  const std::string reason = fmt::format("{}: {}", script_.filename, bytes.error().what);
  if (in_head())
    fail(Outcome::bad_body, failure_status(bytes.error().code), reason);
  else
    cut(Outcome::bad_body, reason);
  return {};
}

void Run::drop_input(std::size_t bytes) {
  if (spool_.size() == 0) return exchange_.consume(bytes);
  spool_.drop(bytes);
}

}  // namespace cgisrv::cgi
