#include "admin/admin_pages.h"

#include <gtest/gtest.h>

namespace cgisrv::admin {
namespace {

TEST(AdminHost, AddressesAndNamesThatAreConfigured) {
  const config::AdminOptions options{.listen = "", .server_name = {"status.example.org", "*.lan"}};
  for (const char* const host : {"", "127.0.0.1", "10.1.2.3", "[::1]", "localhost", "LocalHost",
                                 "status.example.org", "a.lan"})
    EXPECT_TRUE(is_admin_host(options, host)) << host;
  for (const char* const host :
       {"evil.example", "example.org", "127.0.0.1.evil.example", "localhost.evil.example", "lan",
        "2130706433.evil", "status.example.org.evil"})
    EXPECT_FALSE(is_admin_host(options, host)) << host;
}

}  // namespace
}  // namespace cgisrv::admin
