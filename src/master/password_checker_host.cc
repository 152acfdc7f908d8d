#include "master/password_checker_host.h"

#include <utility>

#include "auth/checker.h"
#include "base/check.h"
#include "base/packet.h"
#include "config/password_rules.h"
#include "event/heartbeat.h"
#include "process/privileges.h"

namespace cgisrv::master {

PasswordCheckerHost::PasswordCheckerHost(pool::Master& master, const config::Config& config,
                                         const process::Privileges& privileges)
    : config_(config),
      checker_(
          master, privileges,
          {.name = "the password checker",
           .process_name = "cgisrv-auth",
           .meanwhile = "passwords wait for the next one",
           .keep = [this] { checker_end_.keep(); },
           .run = [this](Fd lifeline, Beats& beats) { return run(std::move(lifeline), beats); },
           .timeout = config.server.heartbeat_timeout}) {
  auto ends = open_pair();
  if (!ends) cannot_begin("a socket to the password checker");
  workers_end_ = std::move(ends->first);
  checker_end_ = std::move(ends->second);
  checker_.start();
}

int PasswordCheckerHost::run(Fd lifeline, Beats& beats) {
  process::forbid_tracing();  // in directory mode, too: it reads passwords
  auth::Checker checker(std::move(*checker_end_), std::move(lifeline),
                        config::password_rules(config_), config_.auth);
  const Heartbeat heartbeat(checker.loop(), beats, config_.server.heartbeat_timeout);
  return checker.run();
}

}  // namespace cgisrv::master
