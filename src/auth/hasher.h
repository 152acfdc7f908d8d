// A process that compares passwords with hashes, one after the other, and blocks meanwhile. The
// checker has a few of them: a hash that takes long, or more memory than there is, costs one of
// these and nothing else.
#pragma once

#include <cgisrv/fd.h>
#include <sys/types.h>

#include <optional>
#include <string_view>

#include "auth/password_hash.h"

namespace cgisrv::auth {

class Hasher {
 public:
  Hasher() = default;
  // Forks it; false, with errno set, if that fails. It closes every descriptor but its own.
  bool start();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  ~Hasher() { kill(); }

  explicit operator bool() const { return pid_ > 0; }
  int socket() const { return socket_.get(); }
  // Any process of the same user may have stopped it.
  void wake() const;
  // One job at a time.
  bool ask(std::string_view hash, const Secret& password) const;
  // Nothing: it has died.
  std::optional<Fit> answer() const;
  // Returns the pid, for the caller to reap; 0: none ran.
  pid_t kill();

 private:
  pid_t pid_ = 0;
  Fd socket_;
};

}  // namespace cgisrv::auth
