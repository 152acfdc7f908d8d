#include "cgi/sent_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgisrv::cgi {
namespace {

using testing::HasSubstr;

const std::vector<std::string> roots = {"/srv/files", "/srv/files/deep", "/var/spool"};

TEST(SentFile, TheLongestRootIsItsOwn) {
  EXPECT_EQ(root_of("/srv/files/a", roots), "/srv/files");
  EXPECT_EQ(root_of("/srv/files/deep/a", roots), "/srv/files/deep");
  for (const auto* outside :
       {"/srv/files", "/srv/files/", "/srv/files2/a", "/srv/a", "/etc/passwd"})
    EXPECT_EQ(root_of(outside, roots), "") << outside;
}

TEST(SentFile, MayBeBelowARootAlone) {
  for (const auto* inside : {"/srv/files/a", "/srv/files//a", "/srv/files/./a", "/srv/files/a..b",
                             "/var/spool/x/y z%41"})
    EXPECT_EQ(why_not_sent(inside, roots), "") << inside;
  EXPECT_THAT(why_not_sent("/etc/passwd", roots), HasSubstr("below none of sendfile_roots"));
  EXPECT_THAT(why_not_sent("/srv/files", roots), HasSubstr("below none of sendfile_roots"));
  EXPECT_THAT(why_not_sent("files/a", roots), HasSubstr("no absolute path"));
  EXPECT_THAT(why_not_sent("/srv/files/../x", roots), HasSubstr("holds \"..\""));
  EXPECT_THAT(why_not_sent("/srv/files/x/..", roots), HasSubstr("holds \"..\""));
  EXPECT_THAT(why_not_sent("/srv/files/a", {}), HasSubstr("sendfile_roots"));
}

TEST(SentFile, IsPlain) {
  EXPECT_EQ(plain_path("/srv//files/./a"), "/srv/files/a");
}

}  // namespace
}  // namespace cgisrv::cgi
