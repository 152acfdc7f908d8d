#include "admin/admin_process.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"
#include "config/config.h"

namespace cgisrv::admin {

namespace {

constexpr unsigned connections_max = 64;
constexpr auto shortage_timeout = std::chrono::milliseconds(100);

// Small: its clients are a browser or two, and programs that ask every few seconds.
config::Config small_config() {
  config::Config config;
  config.limits.header_size = 8 * 1024;
  config.limits.target_size = 2 * 1024;
  config.limits.header_timeout = std::chrono::seconds(5);
  config.limits.send_timeout = std::chrono::seconds(10);
  config.limits.send_rate = 10 * 1024;
  config.limits.keepalive_timeout = std::chrono::seconds(75);
  return config;
}

}  // namespace

AdminProcess::AdminProcess(net::Listener listener, tls::Contexts* contexts, Fd lifeline,
                           const config::AdminOptions& options, const status::Reporter& reporter,
                           admission::Table& table, telemetry::SharedStats& shared_stats)
    : signals_(loop_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2},
               SignalCallback::of<&AdminProcess::on_signal>(*this)),
      poll_timer_(loop_, Callback::of<&AdminProcess::poll>(*this)),
      again_(loop_, Callback::of<&AdminProcess::watch_listener>(*this)),
      lifeline_(loop_, std::move(lifeline), 0, WatchCallback::of<&AdminProcess::end>(*this)),
      listener_(std::move(listener.socket)),
      config_(small_config()),
      addresses_{listener.address},
      reporter_(reporter),
      shared_stats_(shared_stats),
      pages_(*this, config_, options, reporter, table, shared_stats),
      clients_(*this, pages_, addresses_, scratch_),
      has_tls_(contexts != nullptr),
      tls_stage_(loop_, config_, contexts, nullptr,
                 [this](pool::Connection connection, std::unique_ptr<net::Transport> transport,
                        std::unique_ptr<proxy::Proxied> /*proxied*/) {
                   clients_.accepted(std::move(connection), std::move(transport));
                 }) {}

void AdminProcess::serve_agent(Fd listener, bool has_warm_programs) {
  agent_.emplace(loop_, std::move(listener), reporter_, shared_stats_, has_warm_programs);
}

int AdminProcess::run() {
  if (!lifeline_) return 1;
  poll_timer_.arm_after(telemetry::History::interval);
  watch_listener();
  loop_.run();
  return 0;
}

void AdminProcess::watch_listener() {
  listener_watch_ = Watch(loop_, listener_.get(), EPOLLIN,
                          WatchCallback::of<&AdminProcess::listener_ready>(*this));
  if (!listener_watch_) again_.arm_after(shortage_timeout);
}

void AdminProcess::listener_ready() {
  if (connections_ >= connections_max && !tls_stage_.make_room()) clients_.make_room();
  pool::Connection connection;
  connection.peer_size = sizeof connection.peer;
  const int socket = ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&connection.peer),
                               &connection.peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) {
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
    // Out of descriptors or memory: the client waits, without keeping us busy.
    listener_watch_.cancel();
    return again_.arm_after(shortage_timeout);
  }
  connection.socket.reset(socket);
  connection.guard = pool::ConnectionGuard(*this);
  if (has_tls_)
    tls_stage_.accepted(std::move(connection), {}, false);
  else
    clients_.accepted(std::move(connection));
}

void AdminProcess::poll() {
  pages_.poll();
  log::follow();  // or it would keep the disk space of a log that was rotated and removed
  poll_timer_.arm_after(telemetry::History::interval);
}

}  // namespace cgisrv::admin
