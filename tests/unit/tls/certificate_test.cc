#include "tls/certificate.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "../temporary_directory.h"
#include "authority.h"

namespace cgisrv::tls {
namespace {

using std::chrono::days;
using testing::HasSubstr;

class CertificateTest : public testing::Test {
 protected:
  // The server's own certificate, and those after it in the file.
  std::string certificate(const std::string& names, const std::string& chain = "") {
    const auto made = middle_.sign(key_.get(), names);
    return files_.file("certificate.pem", 0644, pem_of(made.get()) + chain);
  }
  std::string key(const std::string& text) { return files_.file("key.pem", 0600, text); }
  std::string problem(const std::string& certificate, const std::string& key) {
    const auto loaded = Certificate::load(certificate, key);
    return loaded ? "" : loaded.error().what;
  }

  TemporaryDirectory files_;
  const Authority root_{"root"};
  const Authority middle_{"middle", &root_};
  const Key key_ = new_ecdsa_key();
};

TEST_F(CertificateTest, TellsWhatItIs) {
  const auto loaded = Certificate::load(
      certificate("DNS:example.org,DNS:*.example.net,IP:192.0.2.1,IP:::1", middle_.pem()),
      key(pem_of(key_.get())));
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->kind(), "ECDSA");
  const auto now = std::chrono::system_clock::now();
  EXPECT_LT(loaded->not_before(), now);
  EXPECT_GT(loaded->not_after(), now + days(29));
  for (const auto* host :
       {"example.org", "EXAMPLE.org", "a.example.net", "*.example.net", "192.0.2.1", "[::1]"})
    EXPECT_TRUE(loaded->covers(host)) << host;
  for (const auto* host :
       {"example.com", "a.b.example.net", "example.net", "*.example.org", "192.0.2.2", "a server"})
    EXPECT_FALSE(loaded->covers(host)) << host;
  EXPECT_EQ(loaded->fingerprint().size(), 32U * 3 - 1);
}

TEST_F(CertificateTest, TheKeyHasToFit) {
  const auto own = certificate("DNS:a", middle_.pem());
  EXPECT_THAT(problem(own, key(pem_of(new_ecdsa_key().get()))),
              HasSubstr("is not that of the certificate"));
  EXPECT_THAT(problem(own, key(pem_of(new_rsa_key(2048).get()))),
              HasSubstr("is not that of the certificate"));
  const auto exchanged = files_.file(
      "certificate.pem", 0644, middle_.pem() + pem_of(middle_.sign(key_.get(), "DNS:a").get()));
  EXPECT_THAT(problem(exchanged, key(pem_of(key_.get()))),
              HasSubstr("fits certificate number 2 in"));
}

TEST_F(CertificateTest, TheChainIsInOrder) {
  const auto good = key(pem_of(key_.get()));
  EXPECT_EQ(problem(certificate("DNS:a"), good), "");
  EXPECT_EQ(problem(certificate("DNS:a", middle_.pem() + root_.pem()), good), "");
  EXPECT_THAT(problem(certificate("DNS:a", root_.pem() + middle_.pem()), good),
              HasSubstr("certificate number 2 in"));
  const Authority namesake("middle", &root_);  // of the same name, with another key
  EXPECT_THAT(problem(certificate("DNS:a", namesake.pem()), good),
              HasSubstr("has not signed the one before it"));
}

TEST_F(CertificateTest, WhatIsNoCertificateIsToldApart) {
  const auto good_key = key(pem_of(key_.get()));
  const auto good = certificate("DNS:a");
  EXPECT_THAT(problem(files_.path() + "/none.pem", good_key), HasSubstr("No such file"));
  EXPECT_THAT(problem(files_.file("empty.pem", 0644, ""), good_key), HasSubstr("is empty"));
  const auto fifo = files_.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const auto& special : {fifo, files_.path()})
    EXPECT_THAT(problem(special, good_key), HasSubstr("is not a regular file"));
  EXPECT_THAT(problem(files_.file("text.pem", 0644, "hello"), good_key),
              HasSubstr("holds no certificate in PEM form"));
  EXPECT_THAT(problem(good_key, good), HasSubstr("perhaps exchanged"));
  EXPECT_THAT(problem(good, good), HasSubstr("holds a certificate and no key"));
  EXPECT_THAT(problem(good, files_.file("text.pem", 0644, "hello")),
              HasSubstr("holds no key in PEM form"));
  std::string torn = pem_of(middle_.sign(key_.get(), "DNS:a").get());
  torn.erase(100, 40);
  EXPECT_THAT(problem(files_.file("torn.pem", 0644, torn), good_key),
              HasSubstr("certificate number 1 in"));
  EXPECT_THAT(problem(good, key(pem_of(key_.get(), "secret"))), HasSubstr("openssl pkey -in"));
}

TEST_F(CertificateTest, AWeakKeyIsRefused) {
  const Key weak = new_rsa_key(1024);
  const auto made =
      files_.file("certificate.pem", 0644, pem_of(middle_.sign(weak.get(), "DNS:a").get()));
  EXPECT_THAT(problem(made, key(pem_of(weak.get()))), HasSubstr("1024 bits"));
}

TEST_F(CertificateTest, AFileThatMayNotBeReadIsToldByItsCode) {
  const auto good = certificate("DNS:a");
  const auto closed = files_.file("key.pem", 0600, pem_of(key_.get()));
  const Unprivileged somebody;
  const auto loaded = Certificate::load(good, closed);
  if (::geteuid() == 0) GTEST_SKIP() << "nobody else can be";
  if (loaded) GTEST_SKIP() << "not started by root";
  EXPECT_EQ(loaded.error().code, EACCES);
  EXPECT_THAT(loaded.error().what, HasSubstr("such as root"));
}

TEST_F(CertificateTest, IsMadeForTheseHosts) {
  const SelfMade own{files_.path() + "/state/cgisrv/certificate.pem",
                     files_.path() + "/state/cgisrv/key.pem"};
  ASSERT_TRUE(make_certificate(own, {"localhost", "127.0.0.1", "::1", "my-machine"}));
  const auto loaded = Certificate::load(own.certificate, own.key);
  ASSERT_TRUE(loaded) << loaded.error().what;
  for (const auto* host : {"localhost", "127.0.0.1", "[::1]", "my-machine"})
    EXPECT_TRUE(loaded->covers(host)) << host;
  EXPECT_FALSE(loaded->covers("other"));
  const auto left = loaded->not_after() - std::chrono::system_clock::now();
  EXPECT_TRUE(left > days(363) && left < days(366));
  struct stat status {};
  ASSERT_EQ(::stat(own.key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const std::string before = loaded->fingerprint();
  ASSERT_TRUE(make_certificate(own, {"localhost"}));
  EXPECT_NE(Certificate::load(own.certificate, own.key)->fingerprint(), before);
}

}  // namespace
}  // namespace cgisrv::tls
