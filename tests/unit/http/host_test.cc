#include "http/host.h"

#include <gtest/gtest.h>

namespace cgisrv::http {
namespace {

// Fault 39.
TEST(Host, TwoSpellingsAreOneName) {
  EXPECT_EQ(canonical_host("Example.ORG"), "example.org");
  EXPECT_EQ(canonical_host("example.org."), "example.org");
  EXPECT_EQ(canonical_host("[FE80::A]"), "[fe80::a]");
  EXPECT_EQ(canonical_host(""), "");
  EXPECT_EQ(canonical_host("."), ".");
}

TEST(Host, OnlyAddressesAreLiterals) {
  for (const auto* literal : {"127.0.0.1", "192.0.2.1", "[::1]", "[fe80::1]"})
    EXPECT_TRUE(is_address_literal(literal)) << literal;
  for (const auto* name : {"", "localhost", "127.1", "1.2.3.4.", "0x7f.0.0.1", "1.2.3.4.evil.test"})
    EXPECT_FALSE(is_address_literal(name)) << name;
}

}  // namespace
}  // namespace cgisrv::http
