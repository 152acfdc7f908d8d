// A certificate of the server's own making.
#include <cgisrv/fd.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "tls/certificate.h"
#include "tls/openssl.h"

namespace cgisrv::tls {

namespace {

constexpr long backdated_seconds = 3600;  // clocks differ
constexpr long valid_seconds = 365L * 24 * 3600;

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

bool add_extension(X509* certificate, int id, const std::string& value) {
  X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
  const bool added = made != nullptr && X509_add_ext(certificate, made, -1) == 1;
  X509_EXTENSION_free(made);
  return added;
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] &= 0x7f;
  BIGNUM* const number = BN_bin2bn(bytes.data(), bytes.size(), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

// Its subject is itself, and by its names browsers know it.
bool name(X509* certificate, const std::vector<std::string>& hosts) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const std::string text = "cgisrv on " + hosts.front().substr(0, 50);
  std::string names;
  for (const std::string& host : hosts)
    names += (names.empty() ? "" : ",") + std::string(is_address(host) ? "IP:" : "DNS:") + host;
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1 &&
         add_extension(certificate, NID_subject_alt_name, names) &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth");
}

X509Ptr sign(EVP_PKEY* key, const std::vector<std::string>& hosts) {
  X509Ptr made(X509_new());
  const bool good = made && X509_set_version(made.get(), X509_VERSION_3) == 1 &&
                    set_serial(made.get()) &&
                    X509_gmtime_adj(X509_getm_notBefore(made.get()), -backdated_seconds) &&
                    X509_gmtime_adj(X509_getm_notAfter(made.get()), valid_seconds) &&
                    X509_set_pubkey(made.get(), key) == 1 && name(made.get(), hosts) &&
                    X509_sign(made.get(), key, EVP_sha256()) > 0;
  return good ? std::move(made) : nullptr;
}

// In one step, and for this user alone from the beginning.
template <typename Write>
Result<void> write_file(const std::string& path, mode_t mode, Write write) {
  const std::string unfinished = path + ".new";
  ::unlink(unfinished.c_str());
  const Fd file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) return fail_errno(errno, "{} cannot be written", unfinished);
  const Bio out(BIO_new_fd(file.get(), BIO_NOCLOSE));
  if (!out || !write(out.get())) return fail("{} cannot be written", unfinished);
  if (::rename(unfinished.c_str(), path.c_str()) != 0)
    return fail_errno(errno, "{} cannot be written", path);
  return {};
}

}  // namespace

Result<void> make_certificate(const SelfMade& files, const std::vector<std::string>& hosts) {
  const auto folder = std::filesystem::path(files.key).parent_path();
  std::error_code problem;
  std::filesystem::create_directories(folder.parent_path(), problem);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(errno, "the folder {} for a certificate cannot be made", folder.string());
  const Key key(EVP_EC_gen("P-256"));
  const X509Ptr certificate = key ? sign(key.get(), hosts) : nullptr;
  if (!certificate) return fail("a certificate cannot be made: {}", last_problem());
  if (auto written = write_file(files.key, 0600,
                                [&](BIO* out) {
                                  return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr,
                                                                  0, nullptr, nullptr) == 1;
                                });
      !written)
    return written;
  return write_file(files.certificate, 0644,
                    [&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()) == 1; });
}

}  // namespace cgisrv::tls
