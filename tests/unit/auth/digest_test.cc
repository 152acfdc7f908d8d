#include "auth/digest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <utility>

namespace cgisrv::auth {
namespace {

std::string hex(const Digest& digest) {
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

TEST(KeyedDigest, IsThatOfRfc4231) {
  const std::string_view key = "Jefe";
  KeyedDigest digest({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
  const std::string expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  EXPECT_EQ(hex(digest.of("what do ya want for nothing?")), expected);
  EXPECT_NE(hex(digest.of("something else")), expected);
  const KeyedDigest moved = std::move(digest);
  EXPECT_EQ(hex(moved.of("what do ya want for nothing?")), expected) << "the key stays";
}

}  // namespace
}  // namespace cgisrv::auth
