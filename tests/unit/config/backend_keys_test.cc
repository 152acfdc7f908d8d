// fastcgi and scgi of a location.
#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using BackendKeysTest = ConfigTest;

TEST_F(BackendKeysTest, LocationsMayHaveABackend) {
  Location found = with_location("match = '*.php'\nfastcgi = 'unix:/run/php.sock'");
  EXPECT_EQ(found.program, ProgramKind::in_place);
  EXPECT_EQ(found.backend.protocol, backend::Protocol::fastcgi);
  EXPECT_EQ(found.backend.address, "unix:/run/php.sock");
  EXPECT_EQ(found.backend.keep_connections, 0U);
  EXPECT_FALSE(found.needs_execute() || found.is_all_passed() || found.cgi.max_running.automatic);
  found = with_location("match = '/app/'\nscgi = '127.0.0.1:4000'");
  EXPECT_EQ(found.backend.protocol, backend::Protocol::scgi);
  EXPECT_TRUE(found.is_all_passed());
  EXPECT_EQ(with_location("match = '/a/'\ncgi = true\nscgi = '[::1]:4000'").program,
            ProgramKind::in_place);
  found = with_location("match = '/t/'\ncgi = 'text'\nfastcgi = 'localhost:9000'");
  EXPECT_EQ(found.program, ProgramKind::single);
  EXPECT_EQ(found.path, path("www/text"));
  EXPECT_EQ(with_location("match = '/t/'\nscgi = 'php_1.test:9000'").backend.address,
            "php_1.test:9000");
  EXPECT_TRUE(with_location("match = '/plain/'").needs_execute());
}

TEST_F(BackendKeysTest, ChecksBackends) {
  const std::pair<const char*, const char*> addresses[] = {
      {"/run/php.sock", "write unix:/run/php.sock for the socket of that name"},
      {"unix:///run/php.sock", "write unix:/run/php.sock for the socket of that name"},
      {"unix:php.sock", "write the absolute path of the socket"},
      {"php-fpm", "write the port too, as in php-fpm:9000"},
      {"php:99999", "no port from 0 to 65535 at its end"},
      {"10.0.1:9000", "not an address"},
      {"127.0.0.1:0", "a port from 1 to 65535 is needed"},
      {":9000", "name the host, such as 127.0.0.1:9000"}};
  for (const auto& [address, problem] : addresses)
    EXPECT_THAT(location_faults(fmt::format("match = '*.a'\nfastcgi = '{}'", address)),
                ElementsAre(HasSubstr(problem)))
        << address;
  const std::string good = "match = '*.a'\nfastcgi = 'unix:/run/php.sock'\n";
  const std::pair<const char*, const char*> others[] = {
      {"scgi = '127.0.0.1:4000'", "'scgi' and 'fastcgi' each say what answers"},
      {"cgi = false", "'cgi' is false, so that files are sent"},
      {"interpreter = '/bin/sh'", "'interpreter' has no effect on what a FastCGI server runs"},
      {"start = 'warm'", "'start' has no effect on what a FastCGI server runs"},
      {"rlimits = { cpu = '1s' }", "'rlimits' has no effect"},
      {"keep_connections = 65", "0 to 64 connections"}};
  for (const auto& [line, problem] : others)
    EXPECT_THAT(location_faults(good + line), ElementsAre(HasSubstr(problem))) << line;
  EXPECT_THAT(location_faults("match = '/a/'\nscgi = '127.0.0.1:1'\nkeep_connections = 1"),
              ElementsAre(HasSubstr("SCGI has a connection for each request")));
  EXPECT_THAT(location_faults("match = '/a/'\nkeep_connections = 1"),
              ElementsAre(HasSubstr("no effect without 'fastcgi'")));
  EXPECT_THAT(location_faults("match = '/a/'\nfastcgi = '127.0.0.1:1'\nfiles = '.'"),
              ElementsAre(HasSubstr("match \"/a/*.php\"")));
  EXPECT_THAT(location_faults("match = '/a/'\nfastcgi = '127.0.0.1:1'\ndeny = true"),
              ElementsAre(HasSubstr("'fastcgi' has no effect where 'deny' answers")));
}

}  // namespace
}  // namespace cgisrv::config
