#include "exchange/https_rules.h"

#include <algorithm>

#include "base/text.h"
#include "config/config.h"
#include "exchange/exchange.h"
#include "handler/handlers.h"
#include "site/router.h"

namespace cgisrv::exchange {

namespace {

// Where a certificate is asked for, in the clear (RFC 8555 section 8.3).
constexpr std::string_view acme_folder = "/.well-known/acme-challenge/";
constexpr std::uint16_t https_port = 443;

// Without a port; empty: the request names none.
std::string host_of(const http::Request& request, const config::Site& site) {
  if (site.public_url && site.public_url->https) return site.public_url->host;
  if (!request.host.empty()) return std::string(request.host);
  const bool has_name = !site.server_name.empty() && !site.server_name.front().starts_with('*');
  return has_name ? site.server_name.front() : std::string();
}

std::string https_url(const http::Request& request, const std::string& host, std::uint16_t port) {
  std::string url = "https://" + host;
  if (port != https_port) url += ":" + std::to_string(port);
  url += request.target.path;
  if (request.target.has_query) url += "?" + http::encode_query(request.target.query);
  return url;
}

// Whose certificates are shown for that one: its own, or those of the first that has some.
const config::Site* shown_for(const config::Config& config, const config::Site& site) {
  if (!site.tls.empty()) return &site;
  const auto first = std::ranges::find_if(
      config.sites, [](const config::Site& each) { return !each.tls.empty(); });
  return first != config.sites.end() ? &*first : &site;
}

// What is wrong with a connection that began as one with `begun`: a clause. Whoever names no host
// sees the first certificate, and does not mind; but whom we ask for a certificate has to count.
std::string misdirection(const config::Site& begun, const config::Site& asked, bool is_named) {
  if (is_named && begun.tls != asked.tls) return "which has another certificate";
  if (begun.client_ca != asked.client_ca) return "which asks clients for other certificates";
  return {};
}

}  // namespace

handler::HandlerPtr redirect_to_https(Exchange& exchange, const config::Site& site,
                                      const http::Path& path, std::uint16_t port) {
  const http::Request& request = exchange.request();
  if (exchange.is_https()) return nullptr;
  if (path.text.starts_with(acme_folder)) return nullptr;
  const std::string host = host_of(request, site);
  if (host.empty())
    return handler::refuse(exchange, 400,
                           "this site is served by https alone, and the request "
                           "names no host to send its client to");
  if (site.public_url && site.public_url->https) port = site.public_url->port;
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  const std::string url = https_url(request, host, port);
  http::Response response;
  response.status = is_read ? 301 : 308;
  response.add("Location", url);
  response.add("Content-Type", "text/plain; charset=utf-8");
  return std::make_unique<handler::PageHandler>(exchange, std::move(response),
                                                "This site is at " + url + "\n");
}

handler::HandlerPtr refuse_misdirected(Exchange& exchange, const config::Config& config,
                                       const config::Site& site) {
  if (!exchange.has_tls()) return nullptr;
  const std::string_view named = exchange.tls_server_name();
  const config::Site& begun = named.empty() ? config.sites.front() : site::find_site(config, named);
  const auto problem = &begun == &site ? std::string()
                                       : misdirection(*shown_for(config, begun),
                                                      *shown_for(config, site), !named.empty());
  if (problem.empty()) return nullptr;
  return handler::refuse(
      exchange, 421,
      fmt::format("the connection began as one with {}, and the request is for {}, {}; a client "
                  "has to ask for it on a connection of its own",
                  named.empty() ? "no host" : text::escape(named, 200),
                  text::escape(exchange.request().host, 200), problem));
}

}  // namespace cgisrv::exchange
