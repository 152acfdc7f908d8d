#include "master/certificates.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "../no_descriptors.h"
#include "../temporary_directory.h"
#include "base/log.h"
#include "config/config.h"
#include "tls/certificate.h"

namespace cgisrv::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CertificateWatchTest : public testing::Test {
 protected:
  CertificateWatchTest() {
    log::divert([this](log::Level, std::string_view, std::string_view text) {
      logged_.emplace_back(text);
    });
    make("");
    make("new/");
    config_.listen.push_back({.address = "127.0.0.1:0", .tls = true});
    config_.sites.emplace_back().tls = {{path("certificate.pem"), path("key.pem")}};
    follow();
  }
  ~CertificateWatchTest() override { log::divert({}); }

  std::string path(const std::string& name) const { return files_.path() + "/" + name; }
  void make(const std::string& folder) const {
    ASSERT_TRUE(tls::make_certificate({path(folder + "certificate.pem"), path(folder + "key.pem")},
                                      {"localhost"}));
  }
  void follow() { watch_.follow(config_, FileStates::of(config_)); }
  void replace(const std::string& name) const {
    std::filesystem::copy(path("new/" + name), path("next"));
    std::filesystem::rename(path("next"), path(name));
  }

  TemporaryDirectory files_;
  std::vector<std::string> logged_;
  Loop loop_;
  config::Config config_;
  tls::TicketKeys keys_;
  int replaced_ = 0;
  CertificateWatch watch_{loop_, keys_, [this] { ++replaced_; }};
};

TEST_F(CertificateWatchTest, ReportsReplacedFilesOnceTheyAreAtRest) {
  watch_.look();
  watch_.look();
  EXPECT_EQ(replaced_, 0);
  replace("certificate.pem");
  watch_.look();
  replace("key.pem");
  watch_.look();
  EXPECT_EQ(replaced_, 0);
  watch_.look();
  EXPECT_EQ(replaced_, 1);
  watch_.look();  // it was busy
  EXPECT_EQ(replaced_, 2);
  follow();
  watch_.look();
  EXPECT_EQ(replaced_, 2);
  EXPECT_THAT(logged_, IsEmpty());
}

TEST_F(CertificateWatchTest, SeesWhatWasReplacedWhileWorkersStarted) {
  const auto loaded = load_certificates(config_, keys_);
  ASSERT_TRUE(loaded) << loaded.error().what;
  replace("certificate.pem");
  replace("key.pem");
  watch_.follow(config_, loaded->files);
  watch_.look();
  watch_.look();
  EXPECT_EQ(replaced_, 1);
}

TEST_F(CertificateWatchTest, TellsOnceOfFilesThatCannotBeUsed) {
  replace("certificate.pem");
  for (int i = 0; i < 4; ++i)
    watch_.look();
  EXPECT_EQ(replaced_, 0);
  EXPECT_THAT(logged_, ElementsAre(HasSubstr("those that were read before stay in service")));
  replace("key.pem");
  watch_.look();
  watch_.look();
  EXPECT_EQ(replaced_, 1);
  EXPECT_EQ(logged_.size(), 1U);
}

TEST_F(CertificateWatchTest, WhatAShortageKeepsFromBeingReadIsTriedAgain) {
  replace("certificate.pem");
  replace("key.pem");
  watch_.look();
  {
    const NoDescriptors shortage;
    watch_.look();
    watch_.look();
  }
  EXPECT_THAT(logged_, ElementsAre(HasSubstr("cannot be read")));
  EXPECT_EQ(replaced_, 0);
  watch_.look();
  EXPECT_EQ(replaced_, 1);
}

TEST_F(CertificateWatchTest, AKeyThatMayBeReadAtLastIsRead) {
  replace("certificate.pem");
  replace("key.pem");
  std::filesystem::permissions(path("key.pem"), std::filesystem::perms::none);
  {
    const Unprivileged unprivileged;
    if (::geteuid() != 65534) GTEST_SKIP() << "needs root";
    watch_.look();
    watch_.look();
    EXPECT_THAT(logged_, ElementsAre(HasSubstr("may not be read")));
  }
  std::filesystem::permissions(path("key.pem"), std::filesystem::perms::all);
  watch_.look();
  EXPECT_EQ(replaced_, 1);
}

TEST_F(CertificateWatchTest, AFileThatIsGoneIsNoReplacement) {
  std::filesystem::remove(path("key.pem"));
  for (int i = 0; i < 3; ++i)
    watch_.look();
  EXPECT_EQ(replaced_, 0);
  EXPECT_EQ(logged_.size(), 1U);
}

TEST_F(CertificateWatchTest, KeysAreMadeWhereTheyAreNeeded) {
  config::Config plain;
  plain.listen.push_back({.address = "127.0.0.1:0"});
  const auto none = load_certificates(plain, keys_);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->contexts, nullptr);
  EXPECT_TRUE(keys_.empty());
  const auto some = load_certificates(config_, keys_);
  ASSERT_TRUE(some) << some.error().what;
  EXPECT_NE(some->contexts, nullptr);
  EXPECT_FALSE(keys_.empty());
}

}  // namespace
}  // namespace cgisrv::master
