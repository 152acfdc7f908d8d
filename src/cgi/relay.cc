#include "cgi/relay.h"

#include <fmt/format.h>

#include <vector>

#include "base/text.h"

namespace cgisrv::cgi {

namespace {

// What is known when the head goes out; https://www.w3.org/TR/server-timing/
std::string server_timing(const account::Costs& costs) {
  const auto ms = [](std::optional<account::Duration> span) {
    return std::chrono::duration<double, std::milli>(span.value_or(account::Duration::zero()))
        .count();
  };
  return fmt::format("queue;dur={:.3f}, start;dur={:.3f}, header;dur={:.3f}", ms(costs.queue),
                     ms(costs.start), ms(costs.header));
}

}  // namespace

void Relay::take(std::string_view output) {
  if (phase_ == Phase::head) return take_head(output);
  if (phase_ == Phase::body && !redirects()) exchange_->write(output);
}

void Relay::take_head(std::string_view output) {
  if (script_.nph) {
    phase_ = Phase::body;
    account_.header_whole();
    exchange_->respond_raw(raw_status(output));
    return take(output);
  }
  const std::size_t taken = parser_.feed(output);
  if (parser_.looks_headerless() && !options_.headerless.empty()) {
    take_without_head();
    return take(output.substr(taken));
  }
  if (parser_.state() == ResponseParser::State::malformed) phase_ = Phase::broken;
  if (parser_.state() != ResponseParser::State::complete) return;
  phase_ = Phase::body;
  respond(parser_.head().response);
  if (taken < output.size()) take(output.substr(taken));
}

void Relay::end() {
  if (phase_ != Phase::head) return;
  const bool printed = !parser_.collected().empty();
  parser_.end();
  if (parser_.state() == ResponseParser::State::complete) {
    phase_ = Phase::body;
    respond(parser_.head().response);
  } else if (printed && !options_.headerless.empty()) {
    take_without_head();
  } else {
    phase_ = Phase::broken;
  }
}

void Relay::take_without_head() {
  http::Response response;
  response.add("Content-Type", options_.headerless);
  respond(std::move(response));
  phase_ = Phase::body;
  exchange_->write(parser_.collected());
}

void Relay::respond(http::Response response) {
  account_.header_whole();
  if (redirects()) return;
  if (options_.server_timing) response.add("Server-Timing", server_timing(account_.costs()));
  exchange_->respond(std::move(response));
}

bool Relay::redirects() const {
  return parser_.state() == ResponseParser::State::complete &&
         parser_.head().kind == ResponseKind::local_redirect;
}

// Cookies that came with the redirect are meant for the client whatever is answered.
void Relay::redirect() {
  std::vector<http::Field> cookies;
  for (http::Field& field : parser_.head().response.fields)
    if (text::equals_ignoring_case(field.name, "Set-Cookie")) cookies.push_back(std::move(field));
  exchange_->redirect(parser_.head().location, std::move(cookies));
}

std::string Relay::problem() const {
  if (parser_.offending_line().empty()) return std::string(parser_.problem());
  return fmt::format("{}: \"{}\"", parser_.problem(), text::escape(parser_.offending_line(), 200));
}

}  // namespace cgisrv::cgi
