#include "master/control_commands.h"

#include <algorithm>

#include "base/exit_status.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "control/directory.h"

namespace cgisrv::master {

// An answer of several lines becomes several lines of the log.
control::Answer logged(control::Answer answer) {
  const auto level = answer.status == exit_status::ok ? log::Level::notice : log::Level::error;
  for (std::string_view rest = answer.text; !rest.empty();)
    log::line(level, "{}", text::take_until(rest, '\n'));
  return answer;
}

ControlCommands::ControlCommands(pool::Master& master, ServerControl& server)
    : master_(master), server_(server) {
  if (auto listening = listen(); !listening)
    log::line(log::Level::warn,
              "no control socket, so cgisrv status, quit and the others do not find this server: "
              "{}; set [server] runtime_dir, or XDG_RUNTIME_DIR",
              listening.error().what);
}

// In the first usable directory.
Result<void> ControlCommands::listen() {
  Error first;
  for (const std::string& directory :
       control::runtime_directories(server_.config().server.runtime_dir)) {
    auto made = control::make_directory(directory);
    if (made) {
      auto opened = control::Server::open(
          master_.loop(), directory,
          [this](std::string_view verb, const ucred& peer, control::Reply reply) {
            answer(verb, peer, std::move(reply));
          });
      if (opened) {
        control_ = std::move(*opened);
        return {};
      }
      made = std::unexpected(opened.error());
    }
    if (first.what.empty()) first = made.error();
  }
  return std::unexpected(first);
}

void ControlCommands::answer(std::string_view verb, const ucred& peer, control::Reply reply) {
  if (verb == "status") {
    status::Report report = server_.reporter().report();
    report.server.upgrading = server_.is_upgrading();
    return reply({exit_status::ok, status::to_json(report) + "\n"});
  }
  constexpr std::string_view commands[] = {"reload", "upgrade",           "reopen",  "quit",
                                           "drain",  "drain-maintenance", "undrain", "stop"};
  if (std::ranges::find(commands, verb) == std::end(commands))
    return reply({exit_status::usage,
                  "this server knows status, reload, upgrade, reopen, drain, drain-maintenance, "
                  "undrain, quit, stop\n"});
  log::line(log::Level::notice, "{}: asked for by pid {}, uid {}", verb, peer.pid, peer.uid);
  if (verb == "quit") return reply(server_.quit());
  if (verb == "stop") {
    master_.stop(pool::Stop::now);
    return reply({exit_status::ok, "stopping now\n"});
  }
  if (verb == "reopen") return reply(server_.reopen());
  if (verb == "undrain") return reply(logged(server_.undrain()));
  if (verb.starts_with("drain"))
    return reply(logged(server_.drain(verb == "drain" ? telemetry::Presence::drained
                                                      : telemetry::Presence::maintenance)));
  return verb == "reload" ? server_.reload(std::move(reply)) : server_.upgrade(std::move(reply));
}

}  // namespace cgisrv::master
