#include "cgi/request_environment.h"

namespace cgisrv::cgi {

Environment request_environment(const RequestForProgram& of) {
  const bool keeps = of.exchange.keeps_password();
  of.fields.review(of.exchange.request(), of.exchange.request_id(), of.script,
                   of.options.authorization || keeps || !of.exchange.user().empty());
  return build_environment({.request = of.exchange.request(),
                            .script = of.script,
                            .endpoints = of.endpoints,
                            .configured = of.options.env,
                            .request_id = of.exchange.request_id(),
                            .content_length = of.content_length,
                            .pass_authorization = of.options.authorization && !keeps,
                            .user = of.exchange.user(),
                            .auth_type = of.exchange.auth_type(),
                            .user_field = keeps ? std::string_view() : of.options.remote_user,
                            .redirected = of.redirected,
                            .keeps_password = keeps});
}

}  // namespace cgisrv::cgi
