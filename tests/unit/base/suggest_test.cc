#include "base/suggest.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

namespace cgisrv {
namespace {

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("workers", "workers"), 0);
  EXPECT_EQ(edit_distance("wokers", "workers"), 1);
  EXPECT_EQ(edit_distance("wrokers", "workers"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(Suggest, OffersOnlyWhatIsNear) {
  constexpr std::string_view words[] = {"user", "group", "workers", "worker_events"};
  EXPECT_EQ(nearest("wokers", words), "workers");
  EXPECT_EQ(nearest("worker_event", words), "worker_events");
  EXPECT_EQ(nearest("usr", words), "user");
  EXPECT_EQ(nearest("gro", words), "group");
  EXPECT_EQ(nearest("Worke", words), std::nullopt) << "of two";
  EXPECT_EQ(nearest("gr", words), std::nullopt);
  EXPECT_EQ(nearest("root", words), std::nullopt);
  EXPECT_EQ(nearest("", words), std::nullopt);
}

}  // namespace
}  // namespace cgisrv
