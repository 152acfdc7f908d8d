#include "access/peer.h"

#include <gtest/gtest.h>

namespace cgisrv::access {
namespace {

TEST(Peer, AsAnAdministratorNamesIt) {
  const auto near = Peer::parse("192.0.2.7");
  ASSERT_TRUE(near);
  EXPECT_EQ(near->text(), "192.0.2.7");
  EXPECT_FALSE(near->is_local);
  for (const auto* text : {"local", "127.0.0.1", "::1", "127.3.2.1", "unix"})
    EXPECT_TRUE(Peer::parse(text)->is_local) << text;
  EXPECT_EQ(Peer::parse("unix")->kind, Peer::Kind::unix_socket);
  EXPECT_EQ(Peer::parse("local")->text(), "127.0.0.1");
  for (const auto* text : {"", "all", "localhost", "192.0.2.0/24", "192.0.2.7:80"})
    EXPECT_FALSE(Peer::parse(text)) << text;
}

}  // namespace
}  // namespace cgisrv::access
