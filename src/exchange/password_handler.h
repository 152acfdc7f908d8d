// Stands in front of what answers a request, until its user's password has been checked: then the
// exchange goes on, or is refused. The client may leave meanwhile, which takes the check back.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/verifier.h"
#include "handler/exchange.h"

namespace cgisrv::exchange {

class Exchange;

// The user and password that a request has. An error is a clause for the log: why there are none.
std::expected<auth::Credentials, std::string_view> credentials_of(const http::Request& request);

class PasswordHandler final : public handler::Handler {
 public:
  // All of `rules`, at least one, have to let the user in, one after the other. All outlive it.
  PasswordHandler(Exchange& exchange, auth::Verifier& verifier,
                  std::vector<const auth::Options*> rules);
  void start() override;
  // A verdict that comes in the same turn of the loop finds nobody.
  bool client_left() override;

 private:
  void decided(auth::Answer answer);
  void ask_anew(std::string_view why, std::string_view told);

  Exchange& exchange_;
  auth::Verifier& verifier_;
  const std::vector<const auth::Options*> rules_;
  std::size_t current_ = 0;  // of the rules
  std::string user_;
  std::optional<auth::PendingCheck> check_;
};

}  // namespace cgisrv::exchange
