#include "tls/client_certificate.h"

#include "base/text.h"

namespace cgisrv::tls {

namespace {

// All that a client sends is kept in its session, which has to fit into a ticket.
constexpr long bytes_max = 16 * 1024;
constexpr int chain_max = 5;
// Of a client's key. We compute with it before anybody is known, and the work grows with the
// square: a signature by a key of 16384 bits takes as long as twenty handshakes.
constexpr int key_bits_max = 8192;

// DSA, which no client has, takes longest of all.
bool is_quickly_checked(const EVP_PKEY* key) {
  return key != nullptr && EVP_PKEY_get_base_id(key) != EVP_PKEY_DSA &&
         EVP_PKEY_get_bits(key) <= key_bits_max;
}

// Only records what was found: X509_verify_cert() ends at the first fault. 0: the handshake has
// failed.
int verify(X509_STORE_CTX* found, void*) {
  if (!is_quickly_checked(X509_get0_pubkey(X509_STORE_CTX_get0_cert(found)))) {
    X509_STORE_CTX_set_error(found, X509_V_ERR_CERT_REJECTED);
    return 0;
  }
  ERR_set_mark();  // what is left in OpenSSL's queue would count as a fault of the handshake
  if (X509_verify_cert(found) != 1 && X509_STORE_CTX_get_error(found) == X509_V_OK)
    X509_STORE_CTX_set_error(found, X509_V_ERR_UNSPECIFIED);
  ERR_pop_to_mark();
  return 1;
}

using Name = std::unique_ptr<GENERAL_NAMES, FreeBy<&GENERAL_NAMES_free>>;

template <typename Write>
std::string written(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || !write(bio.get())) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// In UTF-8. Control characters are escaped, so that nothing in it ends a line or a text.
std::string text_of(const X509_NAME* name) {
  constexpr unsigned long form = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
  return written([&](BIO* bio) { return X509_NAME_print_ex(bio, name, 0, form) >= 0; });
}

std::string time_text(const ASN1_TIME* time) {
  return written([&](BIO* bio) { return ASN1_TIME_print(bio, time) == 1; });
}

std::string hexadecimal(const ASN1_INTEGER* number) {
  return written([&](BIO* bio) { return i2a_ASN1_INTEGER(bio, number) > 0; });
}

// A user's name. With a NUL or another control character in it, it is nobody's: who reads it to
// there takes it for somebody else's.
std::string name_of(const ASN1_STRING* string) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, string);
  if (size < 0) return {};
  std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text::has_controls(name) ? std::string() : name;
}

// The only one of its kind in the subject; empty: there is none, or several, and nobody can tell
// which one was meant.
std::string entry_of(const X509_NAME* name, int kind) {
  const int at = X509_NAME_get_index_by_NID(name, kind, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(name, kind, at) >= 0) return {};
  return name_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

std::string email_of(const X509* certificate) {
  const Name names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_EMAIL) return name_of(name->d.rfc822Name);
  }
  return entry_of(X509_get_subject_name(certificate), NID_pkcs9_emailAddress);
}

// A session may outlast the certificate that it began with.
long verdict_of(SSL* ssl, const X509* certificate) {
  const long found = SSL_get_verify_result(ssl);
  const bool is_over = X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0;
  return found == X509_V_OK && is_over ? X509_V_ERR_CERT_HAS_EXPIRED : found;
}

}  // namespace

bool ask_for_certificates(SSL_CTX* context, const std::vector<X509Ptr>& authorities) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& each : authorities)
    if (X509_STORE_add_cert(store, each.get()) != 1 ||
        SSL_CTX_add_client_CA(context, each.get()) != 1)
      return false;
  // Whoever is named is believed, though another one has signed theirs.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_cert_verify_callback(context, &verify, nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return true;
}

void ask_as(SSL* ssl, SSL_CTX* context) {
  SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), nullptr);
  SSL_set_verify_depth(ssl, chain_max);
  SSL_set_max_cert_list(ssl, bytes_max);
}

std::shared_ptr<const access::ClientCertificate> client_certificate_of(SSL* ssl) {
  if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return nullptr;
  auto said = std::make_shared<access::ClientCertificate>();
  const X509Ptr shown(SSL_get1_peer_certificate(ssl));
  if (!shown) return said;
  if (const long verdict = verdict_of(ssl, shown.get()); verdict != X509_V_OK) {
    said->verified = std::string("FAILED:") + X509_verify_cert_error_string(verdict);
    return said;
  }
  said->verified = "SUCCESS";
  const X509_NAME* const subject = X509_get_subject_name(shown.get());
  said->subject = text_of(subject);
  said->issuer = text_of(X509_get_issuer_name(shown.get()));
  said->common_name = entry_of(subject, NID_commonName);
  said->email = email_of(shown.get());
  said->serial = hexadecimal(X509_get0_serialNumber(shown.get()));
  said->not_before = time_text(X509_get0_notBefore(shown.get()));
  said->not_after = time_text(X509_get0_notAfter(shown.get()));
  return said;
}

}  // namespace cgisrv::tls
