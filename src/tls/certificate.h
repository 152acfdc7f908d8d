// A certificate with its chain and its key, read from the files of an administrator.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgisrv::tls {

class Certificate {
 public:
  // PEM files. Certain to work: the key fits, is not encrypted and not too weak, and each
  // certificate of the chain has signed the one before it. An error says what to do; its code is
  // EACCES if a file may not be read.
  static Result<Certificate> load(const std::string& certificate, const std::string& key);

  Certificate(Certificate&& other) noexcept;
  Certificate& operator=(Certificate&& other) noexcept;
  ~Certificate();

  // "RSA", "ECDSA" or another: a site has one of each kind at most.
  std::string_view kind() const;
  std::chrono::sys_seconds not_before() const;
  std::chrono::sys_seconds not_after() const;
  // Whether it is for that host: "example.org", "*.example.org", "192.0.2.1", "[::1]".
  bool covers(std::string_view host) const;
  // Of SHA-256, as browsers show it: "AB:CD:...".
  std::string fingerprint() const;

  // ---- for Contexts
  struct Parts;
  const Parts& parts() const { return *parts_; }

 private:
  explicit Certificate(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

// Where they will be kept; the folder is made if need be.
struct SelfMade {
  std::string certificate;
  std::string key;
};
// Makes a certificate that has signed itself (ECDSA, P-256), valid for a year, for these hosts:
// names, and addresses without brackets. Replaces what is there.
Result<void> make_certificate(const SelfMade& files, const std::vector<std::string>& hosts);

}  // namespace cgisrv::tls
