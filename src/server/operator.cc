#include "server/operator.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "control/directory.h"
#include "server/serve.h"
#include "server/units.h"

namespace cgisrv::server {

// An answer of several lines is several lines of the log.
control::Answer logged(control::Answer answer) {
  const auto level = answer.status == status::ok ? log::Level::notice : log::Level::error;
  for (std::string_view rest = answer.text; !rest.empty();)
    log::line(level, "{}", text::take_until(rest, '\n'));
  return answer;
}

Operator::Operator(pool::Master& master, Operated& server) : master_(master), server_(server) {
  if (auto listening = listen(); !listening)
    log::line(log::Level::warn,
              "no control socket, so cgisrv status, quit and the others do not find this server: "
              "{}; set [server] runtime_dir, or XDG_RUNTIME_DIR",
              listening.error().what);
}

// In the first of the directories that can be used.
Result<void> Operator::listen() {
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

void Operator::abandon() {
  if (control_) control_->abandon();
}

void Operator::answer(std::string_view verb, const ucred& peer, control::Reply reply) {
  if (verb == "status") return reply({status::ok, to_json(server_.reporter().report()) + "\n"});
  constexpr std::string_view commands[] = {"reload", "upgrade", "reopen", "quit", "stop"};
  if (std::ranges::find(commands, verb) == std::end(commands))
    return reply(
        {status::usage, "this server knows status, reload, upgrade, reopen, quit, stop\n"});
  log::line(log::Level::notice, "{}: asked for by pid {}, uid {}", verb, peer.pid, peer.uid);
  if (verb == "quit") return reply(stop(pool::Stop::finish));
  if (verb == "stop") return reply(stop(pool::Stop::now));
  if (verb == "reopen") return reply(server_.reopen());
  return verb == "reload" ? server_.reload(std::move(reply)) : server_.upgrade(std::move(reply));
}

control::Answer Operator::stop(pool::Stop how) {
  master_.stop(how);
  if (how == pool::Stop::now) return {status::ok, "stopping now\n"};
  const Duration limit = server_.config().server.shutdown_timeout;
  if (limit == duration_unlimited) return {status::ok, "finishing open requests, then stopping\n"};
  return {status::ok, fmt::format("finishing open requests, for {} at most, then stopping\n",
                                  format_duration(static_cast<std::uint64_t>(limit.count())))};
}

}  // namespace cgisrv::server
