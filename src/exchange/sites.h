// The sites of a configuration: routing, methods, then a program, a file or a page.
#pragma once

#include <algorithm>

#include "auth/verifier.h"
#include "backend/idle_connections.h"
#include "cgi/run_context.h"
#include "config/config.h"
#include "exchange/host.h"
#include "site/sent_programs.h"

namespace cgisrv::exchange {

class Sites final : public Host {
 public:
  // As for Host. `runs` is what programs need to run, and outlives it too.
  Sites(pool::Worker& worker, const config::Config& config, accesslog::AccessLog* access_log,
        cgi::RunContext& runs)
      : Host(worker, config, access_log),
        runs_(runs),
        backend_connections_(runs.loop),
        has_tls_(std::ranges::any_of(config.listen, &config::ListenerOptions::tls)) {}

  Routing route(Exchange& exchange) override;
  handler::HandlerPtr admit(Exchange& exchange, const Routing& routing) override;
  handler::HandlerPtr answer(Exchange& exchange, Routing& routing) override;
  handler::HandlerPtr send_named_file(Exchange& exchange, const Routing& routing,
                                      http::Response head, std::string file) override;

  // From now on nobody's password is checked: users are whom they say they are, or nobody. For
  // `cgisrv exec`, whose client has all rights already.
  void skip_passwords() { skips_passwords_ = true; }
  // From now on passwords are checked by it; it outlives this. Without one, nobody is let in where
  // a password is needed.
  void use_verifier(auth::Verifier& verifier) { verifier_ = &verifier; }
  // From now on sites send requests in the clear to https, if they are configured to: to that port.
  void use_https_port(std::uint16_t port) { https_port_ = port; }
  // Gives back descriptors of connections to backends that nobody uses.
  void close_idle_backends() { backend_connections_.close_all(); }

 private:
  bool is_safe(const Exchange& exchange) const;
  handler::HandlerPtr run(Exchange& exchange, site::Located& located);
  handler::HandlerPtr send_file(Exchange& exchange, Routing& routing);
  std::string note_program(const http::Request& request, const Routing& routing, int fd,
                           mode_t mode);
  handler::HandlerPtr list(Exchange& exchange, const Routing& routing);
  handler::HandlerPtr add_slash(Exchange& exchange, Routing& routing);

  cgi::RunContext& runs_;
  backend::IdleConnections backend_connections_;
  auth::Verifier* verifier_ = nullptr;
  bool skips_passwords_ = false;
  std::uint16_t https_port_ = 0;  // 0: nobody is sent there
  const bool has_tls_;
  site::SentPrograms sent_programs_;
};

}  // namespace cgisrv::exchange
