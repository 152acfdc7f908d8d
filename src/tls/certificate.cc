#include "tls/certificate.h"

#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.h"
#include "tls/certificate_parts.h"
#include "tls/pem_file.h"

namespace cgisrv::tls {

namespace {

constexpr int rsa_bits_min = 2048;

// Asked for a passphrase, OpenSSL would turn to the terminal.
int note_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<Key> read_key(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  bool asked = false;
  Key key(PEM_read_bio_PrivateKey(reader_of(*text).get(), nullptr, &note_passphrase, &asked));
  const std::string problem = last_problem();
  if (key) return key;
  if (asked)
    return fail(
        "{0} is encrypted, and nobody is there to type the passphrase; write the key "
        "without one: openssl pkey -in {0} -out FILE, and keep FILE from others: chmod 600",
        text::shell_word(path));
  if (text->contains("PRIVATE KEY-----"))
    return fail("the key in {} is damaged ({}); copy the file anew", path, problem);
  if (text->contains("-----BEGIN CERTIFICATE-----"))
    return fail("{} holds a certificate and no key; name the file with the private key", path);
  return fail("{} holds no key in PEM form, which begins with \"-----BEGIN PRIVATE KEY-----\"",
              path);
}

// What is wrong with the two together; empty: nothing.
std::string misfit(const Certificate::Parts& parts, const std::string& certificate,
                   const std::string& key) {
  const auto fits = [&](const X509Ptr& each) {
    const bool does = X509_check_private_key(each.get(), parts.key.get()) == 1;
    ERR_clear_error();
    return does;
  };
  if (fits(parts.own)) return {};
  const auto other = std::ranges::find_if(parts.chain, fits);
  if (other == parts.chain.end())
    return fmt::format(
        "the key in {} is not that of the certificate in {}; name the two that were "
        "made together",
        key, certificate);
  return fmt::format(
      "the key in {} fits certificate number {} in {}; the server's own has to be the first there, "
      "followed by the one that has signed it",
      key, other - parts.chain.begin() + 2, certificate);
}

std::string broken_chain(const Certificate::Parts& parts, const std::string& certificate) {
  const X509* signed_one = parts.own.get();
  for (std::size_t i = 0; i < parts.chain.size(); ++i) {
    X509* const issuer = parts.chain[i].get();
    const bool is_by_name = X509_check_issued(issuer, const_cast<X509*>(signed_one)) == X509_V_OK;
    const bool has_signed =
        is_by_name && X509_verify(const_cast<X509*>(signed_one), X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    if (!has_signed)
      return fmt::format(
          "certificate number {} in {} has not signed the one before it, so clients would not "
          "trust "
          "the server; the order is: its own, the one that has signed it, and so on",
          i + 2, certificate);
    signed_one = issuer;
  }
  return {};
}

std::string too_weak(const Certificate::Parts& parts, const std::string& key) {
  const int bits = EVP_PKEY_get_bits(parts.key.get());
  if (EVP_PKEY_get_base_id(parts.key.get()) != EVP_PKEY_RSA || bits >= rsa_bits_min) return {};
  return fmt::format(
      "the key in {} has {} bits, and clients want {} at least; ask for a new "
      "certificate with a key of 2048 bits, or with one for ECDSA",
      key, bits, rsa_bits_min);
}

// Among the names that it lists, a pattern as it stands there.
bool lists(const X509* certificate, std::string_view pattern) {
  auto* const names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  bool found = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    const ASN1_STRING* const text = name->d.dNSName;
    found |= text::equals_ignoring_case({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                         static_cast<std::size_t>(ASN1_STRING_length(text))},
                                        pattern);
  }
  GENERAL_NAMES_free(names);
  return found;
}

}  // namespace

Certificate::Certificate(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Certificate::Certificate(Certificate&& other) noexcept = default;
Certificate& Certificate::operator=(Certificate&& other) noexcept = default;
Certificate::~Certificate() = default;

Result<Certificate> Certificate::load(const std::string& certificate, const std::string& key) {
  auto all = read_certificates(certificate);
  if (!all) return std::unexpected(all.error());
  auto own_key = read_key(key);
  if (!own_key) return std::unexpected(own_key.error());
  auto parts = std::make_unique<Parts>();
  parts->own = std::move(all->front());
  parts->chain.assign(std::move_iterator(all->begin() + 1), std::move_iterator(all->end()));
  parts->key = std::move(*own_key);
  for (const std::string& problem :
       {misfit(*parts, certificate, key), too_weak(*parts, key), broken_chain(*parts, certificate)})
    if (!problem.empty()) return fail("{}", problem);
  return Certificate(std::move(parts));
}

std::string_view Certificate::kind() const {
  switch (EVP_PKEY_get_base_id(parts_->key.get())) {
    case EVP_PKEY_RSA:
      return "RSA";
    case EVP_PKEY_EC:
      return "ECDSA";
    default:
      return EVP_PKEY_get0_type_name(parts_->key.get());
  }
}

std::chrono::sys_seconds Certificate::not_before() const {
  return time_of(X509_get0_notBefore(parts_->own.get()));
}

std::chrono::sys_seconds Certificate::not_after() const {
  return time_of(X509_get0_notAfter(parts_->own.get()));
}

bool Certificate::covers(std::string_view host) const {
  if (host.starts_with("*.")) return lists(parts_->own.get(), host);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  X509* const own = parts_->own.get();
  if (X509_check_ip_asc(own, std::string(host).c_str(), 0) == 1) return true;
  return X509_check_host(own, host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

std::string Certificate::fingerprint() const {
  return fingerprint_of(parts_->own.get());
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &size);
  return fmt::format("{:02X}", fmt::join(digest.data(), digest.data() + size, ":"));
}

}  // namespace cgisrv::tls
