// Keys for load balancers, and for the end of a server.
#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using AdminKeysTest = ConfigTest;

TEST_F(AdminKeysTest, AnAgentIsBesideTheStatusPage) {
  EXPECT_THAT(faults_before_site("[admin]\nagent = '127.0.0.1:9181'"),
              ElementsAre(HasSubstr("2:9: 'agent' is beside the status page")));
  EXPECT_THAT(faults_before_site("[admin]\nlisten = '127.0.0.1:80'\nagent = '127.0.0.1:80'"),
              ElementsAre(HasSubstr("'agent': 127.0.0.1:80 stands on line 2 already")));
  EXPECT_EQ(with_site("[admin]\nlisten = ':80'\nagent = ':81'").admin.agent, ":81");
}

TEST_F(AdminKeysTest, TermMeansWhatIsSaid) {
  EXPECT_EQ(with_site("").server.on_term, OnTerm::automatic);
  EXPECT_EQ(with_site("[server]\non_term = 'quit'").server.on_term, OnTerm::quit);
  EXPECT_THAT(faults_before_site("[server]\non_term = 'end'"),
              ElementsAre(HasSubstr("'on_term' must be one of \"auto\", \"stop\", \"quit\"")));
}

TEST_F(AdminKeysTest, ARenamedKeyNamesTheNewOne) {
  EXPECT_THAT(faults_before_site("[server]\nquit_delay = '10s'"),
              ElementsAre(HasSubstr("there is no 'quit_delay' in [server]; it is called "
                                    "drain_delay now")));
}

}  // namespace
}  // namespace cgisrv::config
