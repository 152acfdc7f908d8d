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
  // ECONNREFUSED: its server is dead. EACCES: it is another user's.
  static Result<Client> connect(const std::string& path);

  // Of the server, as it is known here; 0: it lives in another pid namespace.
  pid_t pid() const { return pid_; }
  // Once for each client: the server closes after its answer, which may take so long to begin.
  Result<Answer> ask(std::string_view verb,
                     std::chrono::seconds patience = std::chrono::seconds(5));
  // Returns when the server's process has ended; false when that cannot be seen from here.
  bool wait_for_end() const;

 private:
  Fd socket_;
  Fd process_;  // a pidfd, so that no other process is taken for it
  pid_t pid_ = 0;
};

}  // namespace cgisrv::control
