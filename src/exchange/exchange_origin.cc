// For whom a request is made, and at which public address.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "exchange/exchange.h"
#include "exchange/gateway.h"
#include "handler/handlers.h"
#include "proxy/request_id.h"

namespace cgisrv::exchange {

namespace {

using access::Peer;

// Stands for a peer that has no address.
std::string_view name_of(Peer::Kind kind) {
  return kind == Peer::Kind::unix_socket ? "unix" : "unknown";
}

std::uint16_t usual_port(bool https) {
  return https ? 443 : 80;
}

std::uint16_t public_port(const proxy::Origin& said, const std::optional<config::PublicUrl>& url,
                          bool https, const http::Request& request) {
  if (said.port) return *said.port;
  if (said.host.empty() && url && url->https == https) return url->port;
  if (said.host.empty() && !url) return request.port.value_or(usual_port(https));
  return usual_port(https);
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, text::is_digit);
}

// Leaves programs what is believed: the one id, and one valid trace.
Result<std::string_view> believed_request_id(std::vector<http::FieldView>& fields,
                                             bool is_trusted) {
  const auto names = [](const http::FieldView& field) { return proxy::names_request(field.name); };
  const auto is_id = [](const http::FieldView& field) {
    return text::equals_ignoring_case(field.name, proxy::x_request_id);
  };
  if (std::ranges::none_of(fields, names)) return "";
  if (!is_trusted) {
    std::erase_if(fields, names);
    return "";
  }
  const auto id = proxy::find_request_id(fields);
  if (!proxy::has_valid_trace(fields))
    std::erase_if(fields, [](const auto& field) { return proxy::names_trace(field.name); });
  if (std::erase_if(fields, is_id) > 0 && id && !id->empty())
    fields.push_back({proxy::x_request_id, *id});
  return id;
}

}  // namespace

// Null: go on. What is not trusted is not believed; see proxy/origin.h.
handler::HandlerPtr Exchange::find_origin() {
  const access::AddressSet& trusted = host_.config().server.trusted_proxies;
  shows_proxy_ = proxy::shows_proxy(request_.fields);
  find_request_id(trusted);
  if (trusted.empty()) {
    visitor_.is_local = visitor_.is_local && !shows_proxy_;
    return nullptr;
  }
  auto origin = proxy::find_origin(visitor_, trusted, request_.fields);
  if (!origin) {
    auto failure = clients_fault(400, origin.error().what);
    failure.told = "a field that a proxy in front of this server has set cannot be used";
    return std::make_unique<handler::FailureHandler>(*this, std::move(failure));
  }
  visitor_ = origin->client;
  origin_ = std::make_unique<proxy::Origin>(std::move(*origin));
  show_what_is_believed();
  return nullptr;
}

// Programs take such fields for the truth, and so they see no more of them than we believe.
void Exchange::show_what_is_believed() {
  std::erase_if(request_.fields,
                [](const http::FieldView& field) { return proxy::speaks_for_others(field.name); });
  for (const http::Field& field : origin_->fields)
    request_.fields.push_back({field.name, field.value});
  if (origin_->host.empty()) return;
  request_.host = origin_->host;
  request_.port = origin_->port;
  for (http::FieldView& field : request_.fields)
    if (text::equals_ignoring_case(field.name, "Host")) field.value = origin_->authority;
}

// A web server's own word goes before a field that it may have passed on.
void Exchange::find_request_id(const access::AddressSet& trusted) {
  Result<std::string_view> id = "";
  if (!trusted.empty())
    id = believed_request_id(request_.fields,
                             trusted.contains(visitor_) || wire_->client().proxy_names_requests());
  if (!take_web_servers_id()) take_request_id(id);
}

bool Exchange::take_web_servers_id() {
  const Gateway* const said = gateway();
  if (said == nullptr || said->request_id.empty()) return false;
  take_request_id(proxy::check_request_id("REQUEST_ID or UNIQUE_ID", said->request_id));
  return true;
}

void Exchange::take_request_id(const Result<std::string_view>& said) {
  if (!said) return log::write(log::Level::info, request_id(), said.error().what);
  if (!said->empty()) request_id_ = *said;
}

const cgi::Endpoints& Exchange::endpoints() const {
  if (!std::exchange(are_ends_found_, true)) find_ends();
  return ends_ ? *ends_ : wire_->client().endpoints();
}

void Exchange::find_ends() const {
  const auto& url = routing_.site != nullptr ? routing_.site->public_url : std::nullopt;
  const bool by_proxy = origin_ && origin_->by_proxy;
  if (!by_proxy && !url) return;
  const cgi::Endpoints& wires = wire_->client().endpoints();
  if (!ends_) ends_ = std::make_unique<cgi::Endpoints>();
  *ends_ = wires;
  if (by_proxy) {
    ends_->client_certificate.reset();  // it is the proxy's
    const bool has_address = visitor_.kind == Peer::Kind::ip;
    ends_->remote_address = has_address ? visitor_.ip.text() : "";
    ends_->remote_port = is_number(origin_->client_port) ? origin_->client_port : "";
    if (has_address) ends_->client = visitor_.ip.client();
  }
  // Each part from the proxy, else from the configuration, else from the connection.
  const proxy::Origin nothing;
  const proxy::Origin& said = by_proxy ? *origin_ : nothing;
  ends_->https = said.https.value_or(wires.https || (url && url->https));
  if (said.host.empty() && url) ends_->server_name = url->host;
  if (!said.https && said.host.empty() && !said.port && !url) return;
  ends_->server_port = std::to_string(public_port(said, url, ends_->https, request_));
}

void Exchange::describe_client(accesslog::AccessEntry& entry) const {
  entry.remote_address = endpoints().remote_address;
  entry.client_address =
      visitor_.kind == Peer::Kind::ip ? entry.remote_address : name_of(visitor_.kind);
  entry.proxy_address = wire_->client().proxy_address();
  entry.tls_protocol = wire_->client().endpoints().tls_protocol;
  entry.tls_cipher = wire_->client().endpoints().tls_cipher;
  if (!entry.proxy_address.empty() || !origin_ || !origin_->by_proxy) return;
  entry.proxy_address = wire_->client().endpoints().remote_address;
  if (entry.proxy_address.empty()) entry.proxy_address = name_of(Peer::Kind::unix_socket);
}

}  // namespace cgisrv::exchange
