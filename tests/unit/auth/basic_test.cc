#include "auth/basic.h"

#include <gtest/gtest.h>

namespace cgisrv::auth {
namespace {

TEST(Basic, ReadsTheExampleOfTheRfc) {
  const auto found = parse_basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, "Aladdin");
  EXPECT_EQ(found->password.view(), "open sesame");
}

TEST(Basic, ReadsUtf8AndColonsInPasswords) {
  const auto found = parse_basic("bAsIc  dGVzdDoxMjPCow==");  // RFC 7617 section 2.1
  ASSERT_TRUE(found);
  EXPECT_EQ(found->password.view(), "123\xc2\xa3");
  EXPECT_EQ(parse_basic("Basic YTpiOmM=")->password.view(), "b:c");
  EXPECT_EQ(parse_basic("Basic YTo=")->password.view(), "");
}

TEST(Basic, RefusesWhatIsMalformed) {
  for (const auto* const field :
       {"", "Basic", "Basic ", "Bearer QWxhZGRpbjpvcGVu", "BasicYTpi", "Basic YTpi YTpi",
        "Basic YTpi=", "Basic YTp", "Basic YT=i", "Basic YWxpY2U=", "Basic OnBhc3M=",
        "Basic YTpiAA==", "Basic YQA6Yg==", "Basic YTpiCg==", "Basic Y.pi",
        "Basic YTpiYz==", "Basic ====", "Basic YR==", "Basic \xff\xff\xff\xff"})
    EXPECT_FALSE(parse_basic(field)) << field;
}

TEST(Basic, RefusesWhatIsTooLong) {
  EXPECT_FALSE(parse_basic("Basic " + std::string(4096, 'A')));
  // 256 characters of a user, and 512 of a password
  std::string user = "YWFh";
  std::string encoded;
  for (int i = 0; i < 86; ++i)
    encoded += user;
  EXPECT_FALSE(parse_basic("Basic " + encoded + "YTpi"));
  std::string password = "YTpi";
  for (int i = 0; i < 171; ++i)
    password += user;
  EXPECT_FALSE(parse_basic("Basic " + password));
  EXPECT_TRUE(parse_basic("Basic " + password.substr(0, 4 * 170)));
}

TEST(Basic, QuotesTheRealm) {
  EXPECT_EQ(challenge("Staff"), "Basic realm=\"Staff\", charset=\"UTF-8\"");
  EXPECT_EQ(challenge("a \"b\" \\"), "Basic realm=\"a \\\"b\\\" \\\\\", charset=\"UTF-8\"");
}

}  // namespace
}  // namespace cgisrv::auth
