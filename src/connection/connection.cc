#include "connection/connection.h"

#include "connection/connections.h"

namespace cgisrv::connection {

void Connection::set_use(Use use) {
  if (use != Use::busy || use_ != Use::busy) connections_.place(*this, use);
  use_ = use;
  used_since_ = connections_.loop().now();
}

}  // namespace cgisrv::connection
