#include "server/admin_process.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"

namespace cgisrv::server {

namespace {

constexpr unsigned connections_max = 64;
constexpr auto shortage_patience = std::chrono::milliseconds(100);

// Small: its clients are a browser or two, and programs that ask every few seconds.
Config small_config() {
  Config config;
  config.limits.header_size = 8 * 1024;
  config.limits.target_size = 2 * 1024;
  config.limits.header_timeout = std::chrono::seconds(5);
  config.limits.send_timeout = std::chrono::seconds(10);
  config.limits.send_rate = 10 * 1024;
  config.limits.keepalive_timeout = std::chrono::seconds(75);
  return config;
}

}  // namespace

AdminProcess::AdminProcess(net::Listener listener, Fd lifeline, const AdminOptions& options,
                           const Reporter& reporter, admission::Table& table,
                           telemetry::Board& board)
    : signals_(loop_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2},
               Callback::of<&AdminProcess::on_signal>(*this)),
      look_(loop_, Callback::of<&AdminProcess::look>(*this)),
      again_(loop_, Callback::of<&AdminProcess::watch_listener>(*this)),
      lifeline_(loop_, std::move(lifeline), 0, Callback::of<&AdminProcess::end>(*this)),
      listener_(std::move(listener.socket)),
      config_(small_config()),
      addresses_{listener.address},
      roster_(1, 1),
      access_log_(*AccessLog::open({.path = "off"})),
      pages_(options, reporter, table, board),
      service_(*this, config_, addresses_, roster_, no_programs_, access_log_, rlimit{}) {
  service_.use_pages(pages_);
}

int AdminProcess::run() {
  if (!lifeline_) return 1;
  look_.arm_after(telemetry::History::interval);
  watch_listener(0);
  loop_.run();
  return 0;
}

void AdminProcess::watch_listener(std::uint32_t) {
  listener_watch_ =
      Watch(loop_, listener_.get(), EPOLLIN, Callback::of<&AdminProcess::listener_ready>(*this));
  if (!listener_watch_) again_.arm_after(shortage_patience);
}

void AdminProcess::listener_ready(std::uint32_t) {
  if (connections_ >= connections_max) service_.make_room();
  pool::Connection connection;
  connection.peer_size = sizeof connection.peer;
  const int socket = ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&connection.peer),
                               &connection.peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) {
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
    // Out of descriptors or memory: it waits, and does not keep us busy meanwhile.
    listener_watch_.cancel();
    return again_.arm_after(shortage_patience);
  }
  connection.socket.reset(socket);
  connection.seat = pool::Seat(*this);
  service_.accepted(std::move(connection));
}

void AdminProcess::look(std::uint32_t) {
  pages_.look();
  look_.arm_after(telemetry::History::interval);
}

}  // namespace cgisrv::server
