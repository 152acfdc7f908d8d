#include "gateway/scgi_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cgisrv::gateway {
namespace {

using State = ScgiHead::State;
using testing::ElementsAre;
using testing::Pair;
using namespace std::string_literals;

const std::string head =
    "25:CONTENT_LENGTH\0"
    "27\0"
    "SCGI\0"
    "1\0,"s;

TEST(ScgiHead, IsANetstringOfNamesAndValues) {
  const std::string bytes = head + "body";
  const auto found = read_scgi_head(bytes, 1000);
  ASSERT_EQ(found.state, State::complete);
  EXPECT_EQ(found.consumed, head.size());
  EXPECT_THAT(found.params, ElementsAre(Pair("CONTENT_LENGTH", "27"), Pair("SCGI", "1")));
}

TEST(ScgiHead, MayComeInPieces) {
  for (std::size_t size = 0; size < head.size(); ++size)
    EXPECT_EQ(read_scgi_head(head.substr(0, size), 1000).state, State::incomplete) << size;
}

TEST(ScgiHead, IsRefusedBeforeItHasCome) {
  EXPECT_EQ(read_scgi_head("1001:", 1000).state, State::too_large);
  EXPECT_EQ(read_scgi_head("1000:", 1000).state, State::incomplete);
}

TEST(ScgiHead, IsNothingElse) {
  for (const std::string& bytes : {"GET / HTTP/1.1"s, ":"s, "01:x"s, "1234567890"s, "5;"s, "-1:"s,
                                   "1:x;"s, "0:,"s, "5:SCGI\0;"s, "5:SCGI\0,"s,
                                   "7:SCGI\0"
                                   "1\0,"s,
                                   "3:a\0b,"s, "2:ab,"s})
    EXPECT_EQ(read_scgi_head(bytes, 1000).state, State::malformed) << bytes;
}

}  // namespace
}  // namespace cgisrv::gateway
