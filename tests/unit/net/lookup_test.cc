#include "net/lookup.h"

#include <gmock/gmock.h>

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
  const auto found = look_up({"localhost", 9000}, std::chrono::minutes(1), {});
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_THAT(*found, Not(IsEmpty()));
  EXPECT_THAT(*found, Each(EndsWith(":9000")));
  for (const auto& each : *found)
    EXPECT_TRUE(parse_address(each)->loopback()) << each;
}

}  // namespace
}  // namespace cgisrv::net
