#include "tls/authorities.h"

#include <algorithm>

#include "tls/certificate_parts.h"
#include "tls/pem_file.h"

namespace cgisrv::tls {

Authorities::Authorities(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Authorities::Authorities(Authorities&& other) noexcept = default;
Authorities& Authorities::operator=(Authorities&& other) noexcept = default;
Authorities::~Authorities() = default;

Result<Authorities> Authorities::load(const std::string& file) {
  auto found = read_certificates(file);
  if (!found) return std::unexpected(found.error());
  const auto odd = std::ranges::find_if(
      *found, [](const X509Ptr& each) { return X509_check_ca(each.get()) == 0; });
  if (odd != found->end())
    return fail(
        "certificate number {} in {} is of no authority, and can sign no others; name the file "
        "with the certificate of whoever signs those of the clients",
        odd - found->begin() + 1, file);
  auto parts = std::make_unique<Parts>();
  parts->all = std::move(*found);
  return Authorities(std::move(parts));
}

std::chrono::sys_seconds Authorities::not_after() const {
  auto first = std::chrono::sys_seconds::max();
  for (const X509Ptr& each : parts_->all)
    first = std::min(first, time_of(X509_get0_notAfter(each.get())));
  return first;
}

}  // namespace cgisrv::tls
