// A command's end of a control socket. Blocks, for seconds at most.
#pragma once

#include <cgisrv/fd.h>
#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/answer.h"

namespace cgisrv::control {

class Client {
 public:
  // ECONNREFUSED: its server is dead. EACCES: it belongs to another user.
  static Result<Client> connect(const std::string& path);

  // Once per client: the server closes after its answer. `timeout`: for the answer to begin.
  Result<Answer> ask(std::string_view verb, std::chrono::seconds timeout = std::chrono::seconds(5));
  // Returns when the server's process has ended; false when that is not visible from here.
  bool wait_for_end() const;

 private:
  Fd socket_;
  Fd process_;  // a pidfd, so that no other process is mistaken for it
};

}  // namespace cgisrv::control
