#include "http2/priority.h"

#include <gmock/gmock.h>

namespace cgisrv::http2 {
namespace {

TEST(Priority, IsReadFromItsField) {
  const auto read = [](std::string_view field) {
    const Priority priority = parse_priority(field);
    return std::pair(priority.urgency, priority.is_incremental);
  };
  EXPECT_EQ(read(""), std::pair(3U, false));
  EXPECT_EQ(read("u=0"), std::pair(0U, false));
  EXPECT_EQ(read("i, u=7"), std::pair(7U, true));
  EXPECT_EQ(read("u=1,i=?1"), std::pair(1U, true));
  EXPECT_EQ(read("u=1;x=2, i=?0"), std::pair(1U, false));
  EXPECT_EQ(read("u=8, u=x, u, i=1, x, =,"), std::pair(3U, false));
}

}  // namespace
}  // namespace cgisrv::http2
