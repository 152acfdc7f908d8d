#include "admin/admin_pages.h"

#include <arpa/inet.h>

#include <algorithm>

#include "admin/status_assets.h"
#include "base/text.h"
#include "exchange/exchange.h"
#include "handler/handlers.h"
#include "page/page_frame.h"
#include "page/pages.h"
#include "site/router.h"
#include "status/exposition.h"
#include "status/health.h"
#include "status/metrics.h"

namespace cgisrv::admin {

namespace {

using handler::HandlerPtr;

constexpr std::string_view no_content_policy = "default-src 'none'; frame-ancestors 'none'";

struct Answer {
  int status = 200;
  std::string_view type = page::plain_text;
  std::string body;
  std::string_view policy = no_content_policy;
  std::vector<http::Field> fields;
};

HandlerPtr send(handler::Exchange& exchange, Answer answer) {
  http::Response response;
  response.status = answer.status;
  response.fields = std::move(answer.fields);
  response.add("Content-Type", answer.type);
  response.add("Cache-Control", "no-store");
  response.add("Content-Security-Policy", answer.policy);
  response.add("Cross-Origin-Resource-Policy", "same-origin");
  response.add("Referrer-Policy", "no-referrer");
  response.add("X-Content-Type-Options", "nosniff");
  return std::make_unique<handler::PageHandler>(exchange, std::move(response),
                                                std::move(answer.body));
}

Answer health(std::string_view good, const std::string& problem) {
  if (problem.empty()) return {.body = fmt::format("{}\n", good)};
  return {.status = 503,
          .body = problem + "\n",
          .fields = {{"Retry-After", std::string(http::retry_after_s)}}};
}

bool is_ip_address(std::string_view host) {
  in_addr parsed{};
  return host.starts_with('[') || ::inet_pton(AF_INET, std::string(host).c_str(), &parsed) == 1;
}

}  // namespace

bool is_admin_host(const config::AdminOptions& options, std::string_view host) {
  // HTTP/1.0 without a host: no browser.
  if (host.empty() || text::equals_ignoring_case(host, "localhost")) return true;
  if (is_ip_address(host)) return true;
  return std::ranges::any_of(
      options.server_name, [&](const std::string& name) { return site::host_matches(name, host); });
}

HandlerPtr AdminPages::answer(exchange::Exchange& exchange, exchange::Routing&) {
  const http::Request& request = exchange.request();
  const std::string_view path = request.target.path;
  if (request.method != "GET" && request.method != "HEAD")
    return send(exchange,
                {.status = 405, .body = "GET and HEAD only\n", .fields = {{"Allow", "GET, HEAD"}}});
  if (!is_admin_host(options_, request.host))
    return send(exchange,
                {.status = 421,
                 .body = fmt::format("{} is not a name of this listener; add it to [admin] "
                                     "server_name\n",
                                     text::escape(request.host, 100))});
  if (path == "/livez")
    return send(exchange, health("alive", status::why_not_alive(shared_stats_.silence())));
  if (path == "/readyz")
    return send(exchange, health("ready", status::why_not_ready(reporter_.report())));
  if (path == "/status.json")
    return send(exchange, {.type = "application/json", .body = feed_.json()});
  if (path == "/metrics")
    return send(exchange,
                {.type = status::Exposition::content_type,
                 .body = status::metrics_text(reporter_.report(), table_, shared_stats_)});
  if (const StatusAsset* const asset = find_status_asset(path))
    return send(
        exchange,
        {.type = asset->content_type, .body = std::string(asset->body), .policy = status_policy});
  if (path == "/") return send(exchange, {.status = 302, .fields = {{"Location", "/status"}}});
  return send(exchange, {.status = 404,
                         .body = "here are /status, /status.json, /metrics, /livez and /readyz\n"});
}

}  // namespace cgisrv::admin
