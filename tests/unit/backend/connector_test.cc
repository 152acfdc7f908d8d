#include "backend/connector.h"

#include <gmock/gmock.h>

#include <optional>
#include <vector>

#include "net/listener.h"

namespace cgisrv::backend {
namespace {

struct Attempt {
  Loop loop;
  std::optional<int> error;
  Connector connector{loop, Callback::of<&Attempt::decided>(*this)};

  void decided() {
    error = connector.error();
    loop.stop();
  }
  int of(const std::vector<std::string>& addresses) {
    error.reset();
    connector.begin(addresses);
    if (!error) loop.run();
    return *error;
  }
};

TEST(Connector, TriesAddressesInTurn) {
  Attempt attempt;
  const auto listener = net::listen("127.0.0.1:0");
  ASSERT_TRUE(listener);
  const std::string good = listener->address.text();
  EXPECT_EQ(attempt.of({"unix:/nowhere/to/be/found", good}), 0);
  EXPECT_TRUE(attempt.connector.take());
  EXPECT_EQ(attempt.of({"unix:/nowhere/to/be/found", "unix:/dev/null"}), ENOENT);
  EXPECT_FALSE(attempt.connector.take());
  EXPECT_EQ(attempt.of({"unix:/dev/null"}), ECONNREFUSED);
}

}  // namespace
}  // namespace cgisrv::backend
