#include "config/descriptors.h"

#include <gtest/gtest.h>

#include "config/server_options.h"

namespace cgisrv::config {
namespace {

constexpr rlimit hard(rlim_t limit) {
  return {.rlim_cur = std::min<rlim_t>(limit, 1024), .rlim_max = limit};
}

ServerOptions configured(unsigned connections) {
  ServerOptions options;
  options.worker_connections = connections;
  return options;
}

// Fault 10.
TEST(Descriptors, AFifthIsKeptForWhatIsUnderWay) {
  for (const rlim_t limit : {129UL, 256UL, 1024UL, 20'000UL, 524'288UL}) {
    const unsigned connections = connections_within(limit);
    EXPECT_GT(connections, 0U);
    EXPECT_LE(descriptors_for(connections), limit);
    EXPECT_GE((limit - connections) * 5, limit) << limit;
  }
  for (const unsigned connections : {1U, 100U, 65'535U})
    EXPECT_GE(connections_within(descriptors_for(connections) + 5), connections);
  EXPECT_EQ(connections_within(0), 1U);
  EXPECT_LT(connections_within(64), 32U);
}

TEST(Descriptors, AutomaticIsAsManyAsThereAreDescriptorsFor) {
  EXPECT_EQ(connections_allowed(configured(0), hard(1 << 20)), connections_automatic_max);
  EXPECT_EQ(connections_allowed(configured(0), hard(1024)), connections_within(1024));
  EXPECT_EQ(connections_lacking(configured(0), hard(1024)), "");
}

// Fault 10.
TEST(Descriptors, MoreThanThereCanBeIsTold) {
  EXPECT_EQ(connections_allowed(configured(50'000), hard(1024)), connections_within(1024));
  EXPECT_TRUE(connections_lacking(configured(50'000), hard(1024)).contains("50000"));
  EXPECT_EQ(connections_lacking(configured(500), hard(1024)), "");
  EXPECT_EQ(connections_allowed(configured(500), hard(1024)), 500U);
}

}  // namespace
}  // namespace cgisrv::config
