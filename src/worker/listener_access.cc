#include "worker/listener_access.h"

#include <string>
#include <utility>

#include "base/log.h"

namespace cgisrv::worker {

bool ListenerAccess::lets_in(const config::Listen& listen, const pool::Connection& connection,
                             TimePoint now) {
  if (!listen.allow) return true;
  const auto peer = access::Peer::from_kernel(connection.peer);
  if (listen.allow->contains(peer)) return true;
  tell(listen, peer, now);
  return false;
}

void ListenerAccess::tell(const config::Listen& listen, const access::Peer& peer, TimePoint now) {
  if (now < told_again_) {
    ++untold_;
    return;
  }
  told_again_ = now + interval;
  const auto others = std::exchange(untold_, 0);
  log::line(
      log::Level::info,
      "{} connected to {} and is not in its allow = {}; its connection is closed{}", peer.text(),
      listen.address, listen.allow->text(),
      others == 0 ? std::string() : fmt::format(", like {} more since the last such line", others));
}

}  // namespace cgisrv::worker
