#include "worker/listener_access.h"

#include "base/log.h"
#include "config/listener_options.h"

namespace cgisrv::worker {

bool ListenerAccess::lets_in(const config::ListenerOptions& listen,
                             const pool::Connection& connection, TimePoint now) {
  if (!listen.allow && !listen.proxy_protocol) return true;
  const auto peer = access::Peer::from_kernel(connection.peer);
  const bool is_allowed = !listen.allow || listen.allow->contains(peer);
  if (is_allowed && (!listen.proxy_protocol || trusted_proxies_.contains(peer))) return true;
  tell(listen, peer,
       is_allowed ? "trusted_proxies, which alone may speak the PROXY protocol"
                  : fmt::format("its allow = {}", listen.allow->text()),
       now);
  return false;
}

void ListenerAccess::tell(const config::ListenerOptions& listen, const access::Peer& peer,
                          std::string_view list, TimePoint now) {
  if (!lines_.pass(now)) return;
  log::line(log::Level::info, "{} connected to {} and is not in {}; its connection is closed{}",
            peer.text(), listen.address, list, lines_.left_out());
}

}  // namespace cgisrv::worker
