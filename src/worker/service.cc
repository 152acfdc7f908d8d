#include "worker/service.h"

#include <utility>

#include "base/log.h"
#include "config/descriptors.h"
#include "connection/client.h"
#include "gateway/serve.h"
#include "http2/serve.h"
#include "process/privileges.h"

namespace cgisrv::worker {

namespace {
// A fast stop does not wait for the configured grace.
constexpr auto hurried_grace = std::chrono::milliseconds(1000);
constexpr auto follow_interval = std::chrono::seconds(5);

// That of the first listener with TLS; without one, that of the proxy which has it.
std::uint16_t https_port(const std::vector<const config::ListenerOptions*>& listeners,
                         const std::vector<net::Address>& addresses) {
  for (std::size_t i = 0; i < listeners.size(); ++i)
    if (listeners[i]->tls && addresses[i].port() != 0) return addresses[i].port();
  return 443;
}
}  // namespace

Service::Service(pool::Worker& worker, const config::Config& config, Dependencies given)
    : access_log_(given.access_log),
      follow_logs_(worker.loop(), Callback::of<&Service::follow_logs>(*this)),
      admission_client_(
          worker.loop(), given.table, worker.index(),
          [&worker](const auto& message) { worker.tell_master(admission::bytes_of(message)); }),
      runs_(worker.loop(), given.pid_table, worker.index(), given.descriptors,
            Callback::of<&pool::Worker::check_finished>(worker)),
      sites_(worker, config, &given.access_log, runs_),
      connections_(worker, sites_, given.addresses, runs_.scratch),
      listeners_(std::move(given.listeners)),
      listener_access_(config.server.trusted_proxies),
      proxy_stage_(worker.loop(), config,
                   [this](pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied) {
                     accepted_by_proxy(std::move(connection), std::move(proxied));
                   }),
      tls_stage_(worker.loop(), config, given.contexts,
                 given.shared_stats != nullptr ? &given.shared_stats->handshakes() : nullptr,
                 [this](pool::Connection connection, std::unique_ptr<net::Transport> transport,
                        std::unique_ptr<proxy::Proxied> proxied) {
                   begin(std::move(connection), std::move(transport), std::move(proxied));
                 }) {
  static_assert(pool::slots_max <= admission::workers_max);
  runs_.spool_memory = cgi::SpoolMemory(config.server.worker_body_memory);
  runs_.admission_client = &admission_client_;
  runs_.short_of_descriptors = Callback::of<&Service::crowded>(*this);
  runs_.cgroups = given.cgroups;
  if (given.zygote_manager >= 0)
    runs_.zygotes = &zygotes_.emplace(worker.loop(), given.zygote_manager, worker.index());
  if (given.password_checker >= 0)
    sites_.use_verifier(verifier_.emplace(worker.loop(), given.password_checker, config.auth));
  connections_.hand_over_http2(
      [this](unsigned listener) {
        return options_of(listener).speaks_http2() && !options_of(listener).tls;
      },
      [this](connection::Client client, std::string_view read) {
        http2::serve(connections_, std::move(client), read);
      });
  connections_.bound_requests(config::connections_within(process::descriptor_limit().rlim_cur));
  sites_.use_https_port(https_port(listeners_, given.addresses));
  if (given.shared_stats != nullptr) sites_.use_shared_stats(*given.shared_stats);
  follow_logs_.arm_after(follow_interval);
}

void Service::accepted(pool::Connection connection) {
  const config::ListenerOptions& listen = options_of(connection.listener);
  if (!listener_access_.lets_in(listen, connection, connections_.loop().now())) return;
  if (listen.proxy_protocol) return proxy_stage_.accepted(std::move(connection));
  if (listen.tls) return tls_stage_.accepted(std::move(connection), {}, listen.speaks_http2());
  if (!listen.is_gateway()) return connections_.accepted(std::move(connection));
  sites_.connection_accepted();
  gateway::serve(connections_, connection::Client(connections_, std::move(connection)), listen);
}

void Service::accepted_by_proxy(pool::Connection connection,
                                std::unique_ptr<proxy::Proxied> proxied) {
  const config::ListenerOptions& listen = options_of(connection.listener);
  proxied->names_requests = listen.request_ids;
  if (listen.tls)
    return tls_stage_.accepted(std::move(connection), std::move(proxied), listen.speaks_http2());
  begin(std::move(connection), {}, std::move(proxied));
}

void Service::begin(pool::Connection connection, std::unique_ptr<net::Transport> transport,
                    std::unique_ptr<proxy::Proxied> proxied) {
  const net::Security* const security = transport ? transport->security() : nullptr;
  if (security != nullptr && security->is_http2) {
    sites_.connection_accepted();
    http2::serve(connections_,
                 connection::Client(connections_, std::move(connection), std::move(transport),
                                    std::move(proxied)),
                 {});
  } else {
    connections_.accepted(std::move(connection), std::move(transport), std::move(proxied));
  }
}

void Service::crowded() {
  const bool is_proxy_let_go = proxy_stage_.make_room();
  const bool is_handshake_let_go = tls_stage_.make_room();
  connections_.crowded(is_proxy_let_go || is_handshake_let_go);
  sites_.close_idle_backends();
}

void Service::drain() {
  sites_.close_idle_backends();
  tls_stage_.drain();
  proxy_stage_.drain();
  connections_.drain();
}

void Service::replaced() {
  connections_.close_after_next();
}

void Service::stop() {
  runs_.stopping = true;
  proxy_stage_.close_all();
  tls_stage_.close_all();
  connections_.close_all();
  sites_.end_detached();
  runs_.reaper.hurry(hurried_grace);
}

void Service::on_message(std::string_view message) {
  if (const auto said = admission::message_from(message)) admission_client_.on_message(*said);
}

// A worker without requests would keep the disk space of a log that was rotated and removed.
void Service::follow_logs() {
  access_log_.follow();
  log::follow();
  follow_logs_.arm_after(follow_interval);
}

}  // namespace cgisrv::worker
