#include "connection/client.h"

#include <utility>

#include "connection/connections.h"

namespace cgisrv::connection {

Client::Client(const Connections& connections, pool::Connection accepted,
               std::unique_ptr<net::Transport> transport, std::unique_ptr<proxy::Proxied> proxied)
    : stream(std::move(accepted.socket), std::move(transport)),
      listener_address_(&connections.address(accepted.listener)),
      accepted_(std::move(accepted)),
      proxied_(std::move(proxied)) {}

const cgi::Endpoints& Client::endpoints() {
  if (ends_) return *ends_;
  const auto peer = net::Address::from_kernel(accepted_.peer, accepted_.peer_size);
  // A socket may have no address of its own: it is closed, or one of a pair. Its listener has one.
  net::Address server = stream.fd() >= 0 ? net::local_address(stream.fd()) : net::Address();
  if (server.host().empty()) server = listener_address();
  const bool local = server.is_unix();
  ends_ = std::make_unique<cgi::Endpoints>();
  if (!local) {
    ends_->remote_address = peer.host();
    ends_->remote_port = std::to_string(peer.port());
    ends_->server_address = server.host();
    ends_->server_port = std::to_string(server.port());
  }
  const access::Peer client = this->peer();
  if (const auto named = proxied_ ? proxied_->ends : std::nullopt) {
    ends_->remote_address = named->client.ip.text();
    ends_->remote_port = std::to_string(named->client.port);
    ends_->server_address = named->server.ip.text();
    ends_->server_port = std::to_string(named->server.port);
  }
  if (const net::Security* const security = stream.security()) {
    ends_->https = true;
    ends_->tls_protocol = security->protocol;
    ends_->tls_cipher = security->cipher;
    ends_->tls_server_name = security->server_name;
    ends_->client_certificate = security->client;
  }
  if (client.kind == access::Peer::Kind::ip) ends_->client = client.ip.client();
  return *ends_;
}

access::Peer Client::peer() const {
  return proxied_ ? proxied_->client : access::Peer::from_kernel(accepted_.peer);
}

exchange::Reach Client::reach() const {
  return {.loopback = listener_address().loopback(), .unix_socket = listener_address().is_unix()};
}

}  // namespace cgisrv::connection
