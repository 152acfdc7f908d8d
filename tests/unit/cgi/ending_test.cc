#include "cgi/ending.h"

#include <gmock/gmock.h>

namespace cgisrv::cgi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::StartsWith;

TEST(Silence, OfALoopAndOfOneThatWaits) {
  EXPECT_THAT(explain_silence(seconds(1), milliseconds(900)), StartsWith("it computed all the"));
  EXPECT_THAT(explain_silence(seconds(1), milliseconds(400)), StartsWith("it waited"));
  EXPECT_THAT(explain_silence(seconds(1), std::nullopt), StartsWith("it waited"));
}

}  // namespace
}  // namespace cgisrv::cgi
