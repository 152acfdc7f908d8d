// A certificate authority for tests: what it signs, as PEM.
#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <string>

#include "tls/openssl.h"

namespace cgisrv::tls {

inline Key new_ecdsa_key() {
  return Key(EVP_EC_gen("P-256"));
}
inline Key new_rsa_key(unsigned bits) {
  return Key(EVP_RSA_gen(bits));
}

inline std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}
inline std::string pem_of(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}
// `passphrase`: null for none.
inline std::string pem_of(EVP_PKEY* key, const char* passphrase = nullptr) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, passphrase != nullptr ? EVP_aes_128_cbc() : nullptr,
                           nullptr, 0, nullptr, const_cast<char*>(passphrase));
  return text_of(bio.get());
}

class Authority {
 public:
  // `issuer`: who has signed it; null: itself.
  explicit Authority(const std::string& name, const Authority* issuer = nullptr)
      : key_(new_ecdsa_key()) {
    certificate_ = made(key_.get(), name, "", issuer != nullptr ? *issuer : *this, true);
  }

  // `names`: as "DNS:example.org,IP:192.0.2.1".
  X509Ptr sign(EVP_PKEY* key, const std::string& names) const {
    return made(key, "a server", names, *this, false);
  }
  std::string pem() const { return pem_of(certificate_.get()); }
  X509* certificate() const { return certificate_.get(); }

 private:
  static X509Ptr made(EVP_PKEY* key, const std::string& subject, const std::string& names,
                      const Authority& issuer, bool is_authority) {
    X509Ptr made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 30L * 24 * 3600);
    X509_set_pubkey(made.get(), key);
    X509_NAME* const name = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(subject.data()),
                               static_cast<int>(subject.size()), -1, 0);
    X509* const by = issuer.certificate_ ? issuer.certificate_.get() : made.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(by));
    extend(made.get(), NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!names.empty()) extend(made.get(), NID_subject_alt_name, names);
    EXPECT_GT(X509_sign(made.get(), issuer.key_.get(), EVP_sha256()), 0);
    return made;
  }
  static void extend(X509* certificate, int id, const std::string& value) {
    X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
    X509_add_ext(certificate, made, -1);
    X509_EXTENSION_free(made);
  }

  Key key_;
  X509Ptr certificate_;
};

}  // namespace cgisrv::tls
