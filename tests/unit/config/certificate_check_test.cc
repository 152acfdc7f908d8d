#include "config/certificate_check.h"

#include <gmock/gmock.h>

#include "config_fixture.h"
#include "tls/certificate.h"

namespace cgisrv::config {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CertificateCheckTest : public ConfigTest {
 protected:
  CertificateCheckTest() {
    EXPECT_TRUE(tls::make_certificate({path("c.pem"), path("k.pem")}, {"a.example", "localhost"}));
    EXPECT_TRUE(tls::make_certificate({path("c2.pem"), path("k2.pem")}, {"a.example"}));
  }
  // `lines` of the site begin on line 4.
  static std::string with_site(const std::string& lines) {
    return "[[listen]]\naddress = ':443'\ntls = true\n[[site]]\n" + lines + "\nroot = 'www'\n";
  }
  static auto now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  }
};

constexpr auto good_key = "tls = { certificate = 'c.pem', key = 'k.pem' }";

TEST_F(CertificateCheckTest, ReadsOneOrSeveral) {
  const Config one = good(with_site(good_key));
  ASSERT_EQ(one.sites.at(0).tls.size(), 1U);
  EXPECT_EQ(one.sites[0].tls[0].certificate, path("c.pem"));
  EXPECT_EQ(one.sites[0].tls[0].key, path("k.pem"));
  EXPECT_TRUE(one.listen.at(0).tls);
  EXPECT_FALSE(one.sites[0].redirect_to_https);
  EXPECT_THAT(faults(with_site("tls = [{ certificate = 'c.pem', key = 'k.pem' },\n"
                               "{ certificate = 'c2.pem', key = 'k2.pem' }]")),
              ElementsAre(HasSubstr("6:1: 'tls': there is an ECDSA certificate already")));
}

TEST_F(CertificateCheckTest, SaysWhatIsWrong) {
  EXPECT_THAT(faults(with_site("tls = { certificate = 'c.pem', key = 'k2.pem' }")),
              ElementsAre(HasSubstr("is not that of the certificate")));
  EXPECT_THAT(faults(with_site("tls = { certificate = 'c.pem' }")),
              ElementsAre(HasSubstr("'key'")));
  EXPECT_THAT(faults(with_site("tls = true")), testing::Contains(HasSubstr("a table such as")));
  EXPECT_THAT(faults(with_site("")),
              ElementsAre(HasSubstr("3:7: 'tls': no [[site]] has a certificate")));
}

TEST_F(CertificateCheckTest, NotesWhatClientsWouldMind) {
  const Config config = good(with_site(std::string("server_name = ['a.example']\n") + good_key));
  EXPECT_THAT(notes_on_certificates(config, now()), IsEmpty());
  EXPECT_THAT(notes_on_certificates(config, now() + days(350)), IsEmpty());
  EXPECT_THAT(notes_on_certificates(config, now() + days(355)),
              ElementsAre(HasSubstr("expires on")));
  EXPECT_THAT(notes_on_certificates(config, now() + days(366)),
              ElementsAre(HasSubstr("has expired on")));
  EXPECT_THAT(notes_on_certificates(config, now() - days(1)),
              ElementsAre(HasSubstr("is not valid before")));
  const Config other = good(with_site(
      std::string("server_name = ['a.example', '*.b.example', 'localhost']\n") + good_key));
  EXPECT_THAT(notes_on_certificates(other, now()),
              ElementsAre(HasSubstr("is not for *.b.example, and")));
}

TEST_F(CertificateCheckTest, NotesFilesThatAreOpenOrNotMeant) {
  files_.file("le/fullchain.pem");
  std::filesystem::copy(path("c.pem"), path("le/cert.pem"));
  ::chmod(path("k.pem").c_str(), 0644);
  const Config config = good(with_site("tls = { certificate = 'le/cert.pem', key = 'k.pem' }"));
  EXPECT_THAT(notes_on_certificates(config, now()),
              ElementsAre(HasSubstr("chmod 600"), HasSubstr("le/fullchain.pem instead")));
}

TEST_F(CertificateCheckTest, NotesACertificateThatNobodySees) {
  const Config config = good(fmt::format("[[site]]\n{}\nroot = 'www'\n", good_key));
  EXPECT_THAT(notes_on_certificates(config, now()), ElementsAre(HasSubstr("nobody sees it")));
}

}  // namespace
}  // namespace cgisrv::config
