// What a server shows to clients of TLS: the certificates of its sites, chosen by the host that a
// client names; and by which rules it speaks. Mozilla's "intermediate" ones: TLS 1.2 and 1.3, keys
// that are forgotten after the handshake, authenticated ciphers; no renegotiation, no compression,
// no early data.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/authorities.h"
#include "tls/certificate.h"
#include "tls/session.h"
#include "tls/ticket_keys.h"

namespace cgisrv::tls {

class Contexts {
 public:
  struct Site {
    std::vector<Certificate> certificates;  // one, or one of each kind
    // Of the clients, who are asked for a certificate then; none: they are not.
    std::optional<Authorities> authorities{};
  };
  // The site of that host, as an index into those given to make(). Not asked where the client names
  // no host (SNI): then it is the first.
  using Choose = std::function<std::size_t(std::string_view host)>;

  // `keys` outlive it, and are not empty. At least one site, and one certificate for each. The
  // first site's are shown until choose_by() says otherwise. A session is resumed where
  // certificates and authorities are the same, and nowhere else.
  static Result<std::unique_ptr<Contexts>> make(const std::vector<Site>& sites,
                                                const TicketKeys& keys);
  ~Contexts();

  void choose_by(Choose choose);
  // A session for a socket that was accepted; null without memory. It may outlive this, once its
  // handshake is done.
  std::unique_ptr<Session> accept(int socket, bool offers_http2 = false) const;

 private:
  struct Parts;
  explicit Contexts(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace cgisrv::tls
