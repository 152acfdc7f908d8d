#include "tls/pem_file.h"

#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/regular_file.h"
#include "base/text.h"

namespace cgisrv::tls {

namespace {
constexpr std::size_t file_bytes_max = 1024 * 1024;
}

// By one read(2), which leaves no other copy of a key.
Result<std::string> read_file(const std::string& path) {
  const auto file = open_regular(path);
  if (!file && file.error().code == EACCES)
    return fail_as(EACCES,
                   "{} may not be read by this user; check, and start, as one who may, such "
                   "as root",
                   path);
  if (!file) return fail_as(file.error().code, "{} cannot be read: {}", path, file.error().what);
  std::string text(file_bytes_max + 1, '\0');
  const ssize_t size = ::read(file->get(), text.data(), text.size());
  if (size < 0) return fail_errno(errno, "{} cannot be read", path);
  text.resize(static_cast<std::size_t>(size));
  if (text.size() > file_bytes_max) return fail("{} is larger than a certificate can be", path);
  if (text.empty()) return fail("{} is empty", path);
  return text;
}

Bio reader_of(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::vector<X509Ptr>> read_certificates(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  const Bio reader = reader_of(*text);
  std::vector<X509Ptr> found;
  ERR_clear_error();
  while (X509* const each = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr))
    found.emplace_back(each);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string problem = last_problem();
  if (!at_end)
    return fail("certificate number {} in {} is damaged ({}); copy the file anew", found.size() + 1,
                path, problem);
  if (!found.empty()) return found;
  if (text->contains("PRIVATE KEY-----"))
    return fail("{} holds a key and no certificate; certificate and key are perhaps exchanged",
                path);
  return fail(
      "{} holds no certificate in PEM form, which begins with \"-----BEGIN "
      "CERTIFICATE-----\"; of another form makes PEM: openssl x509 -inform DER -in {} -out "
      "FILE",
      path, text::shell_word(path));
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace cgisrv::tls
