#include "net/lookup.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <utility>

#include "net/address.h"

namespace cgisrv::net {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(Lookup, KnowsANameFromWhatIsNone) {
  const auto found = parse_host_port("php-fpm_1.example.org:9000");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->host, "php-fpm_1.example.org");
  EXPECT_EQ(found->port, 9000);
  EXPECT_TRUE(parse_host_port("7up:1"));
  for (const char* const text : {"php", "php:", "php:0", "php:65536", "php:+1", ":9000",
                                 "10.0.1:80", "256.0.0.1:80", "[::1]:80", "::1:80", ".php:80",
                                 "a..b:80", "a b:80", "http://php:80", "unix:/a:80", "/a:80"})
    EXPECT_FALSE(parse_host_port(text)) << text;
}

TEST(Lookup, LooksUp) {
  auto lookup = Lookup::begin({{"localhost", 9000}, {"localhost", 80}}, {});
  ASSERT_TRUE(lookup) << lookup.error().what;
  pollfd waiting{lookup->fd(), POLLIN, 0};
  while (!lookup->read())
    ASSERT_EQ(::poll(&waiting, 1, 60'000), 1);
  const auto found = lookup->end();
  ASSERT_EQ(found.size(), 2U);
  for (const auto& [addresses, port] :
       {std::pair(found[0], std::string(":9000")), {found[1], ":80"}}) {
    ASSERT_TRUE(addresses) << addresses.error().what;
    EXPECT_THAT(*addresses, Not(IsEmpty()));
    EXPECT_THAT(*addresses, Each(EndsWith(port)));
    for (const auto& each : *addresses)
      EXPECT_TRUE(parse_address(each)->loopback()) << each;
  }
}

// A process that only waits, by that number; or -1, where numbers cannot be chosen.
pid_t begin_as(pid_t wanted) {
  for (int i = 0; i < 20; ++i) {
    std::ofstream("/proc/sys/kernel/ns_last_pid") << wanted - 1;
    const pid_t child = ::fork();
    if (child == 0) ::pause();
    if (child == wanted || child < 0) return child;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return -1;
}

// Fault 42.
TEST(Lookup, KillsNobodyWhoHasTheNumberOfItsChild) {
  auto lookup = Lookup::begin({{"localhost", 80}}, {});
  ASSERT_TRUE(lookup) << lookup.error().what;
  const pid_t child = ::waitpid(-1, nullptr, 0);  // as the master does
  const pid_t other = begin_as(child);
  if (other < 0) GTEST_SKIP() << "only root chooses the number of a process";
  EXPECT_TRUE(lookup->end().front());
  EXPECT_EQ(::waitpid(other, nullptr, WNOHANG), 0);
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
}

TEST(Lookup, ThatIsEndedSaysSoOfEachName) {
  auto lookup = Lookup::begin({{"a.invalid", 1}, {"b.invalid", 2}}, {});
  ASSERT_TRUE(lookup) << lookup.error().what;
  const auto found = lookup->end();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_FALSE(found[0] || found[1]);
}

}  // namespace
}  // namespace cgisrv::net
