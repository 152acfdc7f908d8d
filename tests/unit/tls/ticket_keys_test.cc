#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace cgisrv::tls {
namespace {

TEST(TicketKeys, TheNewestMakesTicketsAndTheTwoBeforeItOpenThem) {
  TicketKeys keys;
  EXPECT_TRUE(keys.empty());
  std::array<TicketKey, 4> made{};
  for (TicketKey& each : made) {
    keys.rotate();
    each = keys.newest();
  }
  EXPECT_FALSE(keys.empty());
  EXPECT_FALSE(keys.find(made[0].name));
  for (std::size_t i = 1; i < made.size(); ++i) {
    const auto found = keys.find(made[i].name);
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->key.cipher, made[i].cipher);
    EXPECT_EQ(found->key.mac, made[i].mac);
    EXPECT_EQ(found->is_newest, i == 3);
  }
  EXPECT_NE(made[2].cipher, made[3].cipher);
}

TEST(TicketKeys, NoKeyOpensNothing) {
  const TicketKeys keys;
  EXPECT_FALSE(keys.find(std::array<std::uint8_t, 16>{}));
}

}  // namespace
}  // namespace cgisrv::tls
