// Who listens at an address that this process cannot have, as /proc tells.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "net/address.h"

namespace cgisrv::net {

struct Holder {
  pid_t pid = 0;  // 0: nobody's, or this user may not see whose
  std::string name;
};

// The number by which /proc knows the socket that listens there; 0: none does, or it is in another
// network namespace.
std::uint64_t listening_socket(const Address& address);

// Of several that share it, such as a master and its workers, the one to end: whose parent has it
// not.
Holder holder_of(const Address& address);

// The sentence for users: by whom it is in use, and what to do.
std::string in_use(const Address& address, const Holder& holder);

}  // namespace cgisrv::net
