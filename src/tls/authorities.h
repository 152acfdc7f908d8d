// Those who sign the certificates of clients, as an administrator names them.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"

namespace cgisrv::tls {

class Authorities {
 public:
  // A PEM file with one or more certificates, each of which may sign others. An error says what to
  // do; its code is EACCES if the file may not be read.
  static Result<Authorities> load(const std::string& file);

  Authorities(Authorities&& other) noexcept;
  Authorities& operator=(Authorities&& other) noexcept;
  ~Authorities();

  // From then on none, or one of them, lets nobody in.
  std::chrono::sys_seconds not_after() const;

  // ---- for Contexts
  struct Parts;
  const Parts& parts() const { return *parts_; }

 private:
  explicit Authorities(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace cgisrv::tls
