#include "exchange/certificate_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "access/client_certificate.h"
#include "base/text.h"
#include "exchange/exchange.h"
#include "handler/handlers.h"

namespace cgisrv::exchange {

namespace {

using access::ClientCertificate;

const std::string& user_of(const ClientCertificate& shown, auth::Certificate name) {
  switch (name) {
    case auth::Certificate::email:
      return shown.email;
    case auth::Certificate::subject:
      return shown.subject;
    default:
      return shown.common_name;
  }
}

// Why the rule does not let the client in by certificate: a clause for the client, too. Empty: it
// does.
std::string refusal_by(const auth::Options& rule, const ClientCertificate* shown) {
  if (shown == nullptr) return "this needs a client's certificate, and the connection has none";
  if (!shown->is_verified())
    return shown->verified == "NONE"
               ? "this needs a certificate, and the client has shown none"
               : fmt::format("the client's certificate is not accepted: {}",
                             text::escape(shown->verified.substr(sizeof "FAILED:" - 1)));
  const std::string& user = user_of(*shown, rule.certificate);
  if (user.empty()) return "the client's certificate does not name a user";
  if (!rule.users.empty() && std::ranges::find(rule.users, user) == rule.users.end())
    return fmt::format("the user \"{}\" is not among those let in here", text::escape(user, 80));
  return {};
}

}  // namespace

handler::HandlerPtr admit_by_certificate(Exchange& exchange,
                                         std::vector<const auth::Options*>& rules) {
  const ClientCertificate* const shown = exchange.client_certificate();
  for (auto rule = rules.begin(); rule != rules.end();) {
    if ((*rule)->certificate == auth::Certificate::none) {
      ++rule;
      continue;
    }
    if (const std::string refusal = refusal_by(**rule, shown); refusal.empty()) {
      exchange.set_certified_user(user_of(*shown, (*rule)->certificate));
      rule = rules.erase(rule);
    } else if ((*rule)->has_passwords()) {
      ++rule;
    } else {
      handler::Failure failure = exchange.clients_fault(403, refusal);
      failure.told = refusal;
      return std::make_unique<handler::FailureHandler>(exchange, std::move(failure));
    }
  }
  return nullptr;
}

}  // namespace cgisrv::exchange
