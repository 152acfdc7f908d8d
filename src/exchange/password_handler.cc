#include "exchange/password_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/human.h"
#include "base/text.h"
#include "exchange/exchange.h"

namespace cgisrv::exchange {

namespace {

constexpr std::string_view field_name = "Authorization";

}  // namespace

// A request with two of them has none: it cannot be told which one somebody else has seen.
std::expected<auth::Credentials, std::string_view> credentials_of(const http::Request& request) {
  const auto count = std::ranges::count_if(request.fields, [](const http::FieldView& field) {
    return text::equals_ignoring_case(field.name, field_name);
  });
  if (count == 0) return std::unexpected("no password was sent");
  if (count > 1) return std::unexpected("there is more than one Authorization field");
  return auth::parse_basic(request.field(field_name).value_or(""));
}

PasswordHandler::PasswordHandler(Exchange& exchange, auth::Verifier& verifier,
                                 std::vector<const auth::Options*> rules)
    : exchange_(exchange), verifier_(verifier), rules_(std::move(rules)) {}

// Called again for each further rule.
void PasswordHandler::start() {
  auto credentials = credentials_of(exchange_.request());
  if (!credentials) return ask_anew(credentials.error(), "");
  user_ = credentials->user;
  check_.emplace(verifier_, CallbackWith<auth::Answer>::of<&PasswordHandler::decided>(*this));
  const auto known =
      check_->ask(*rules_[current_], std::move(*credentials), exchange_.endpoints().client);
  if (known) return decided(*known);
  exchange_.close_found();
}

bool PasswordHandler::client_left() {
  check_.reset();
  return false;
}

// RFC 9110 section 15.5.2: also for what is malformed, and for a user who is known, but not let in:
// another one may be.
void PasswordHandler::ask_anew(std::string_view why, std::string_view told) {
  handler::Failure failure = exchange_.clients_fault(401, why);
  failure.told = told;
  failure.fields.push_back({"WWW-Authenticate", auth::challenge(rules_[current_]->realm)});
  exchange_.fail(std::move(failure));
}

void PasswordHandler::decided(auth::Answer answer) {
  const auto user = [&] { return text::escape(user_, 80); };
  switch (answer.verdict) {
    case auth::Verdict::right:
      if (++current_ < rules_.size()) return start();
      return exchange_.let_in(std::move(user_));
    case auth::Verdict::wrong:
      return ask_anew(fmt::format("wrong user or password: \"{}\"", user()),
                      "the user or the password is wrong");
    case auth::Verdict::unlisted:
      return ask_anew(fmt::format("the user \"{}\" is not among those let in here", user()),
                      "this user is not let in here");
    case auth::Verdict::guessed: {
      const auto wait_s = std::max<std::int64_t>(answer.retry_after.count(), 1);
      handler::Failure failure = exchange_.clients_fault(
          429, fmt::format("too many wrong passwords from this client, the last user \"{}\"; see "
                           "guesses in [auth]",
                           user()));
      // The reason is for the log alone: it names whom the server was asked for.
      failure.told = fmt::format("no password from your address is looked at for {}",
                                 human::age(static_cast<double>(wait_s)));
      failure.fields.push_back({"Retry-After", std::to_string(wait_s)});
      return exchange_.fail(std::move(failure));
    }
    case auth::Verdict::busy:
      return exchange_.fail(
          {.status = 503, .reason = "too many passwords wait to be checked; see queue in [auth]"});
    case auth::Verdict::late:
      return exchange_.fail(
          {.status = 503, .reason = "the password was not checked in time; see timeout in [auth]"});
    case auth::Verdict::unavailable:
      break;
  }
  exchange_.fail(
      {.status = 500,
       .reason = fmt::format("the password of \"{}\" cannot be checked; the lines before "
                             "this one say why",
                             user())});
}

}  // namespace cgisrv::exchange
