#include "cgi/umask.h"

#include <gtest/gtest.h>

namespace cgisrv::cgi {
namespace {

// Fault 20.
TEST(Umask, IsReadAsOctalDigits) {
  EXPECT_EQ(parse_umask("027"), mode_t{027});
  EXPECT_EQ(parse_umask("0077"), mode_t{077});
  EXPECT_EQ(parse_umask("000"), mode_t{0});
  EXPECT_EQ(umask_or_none("777"), 0777);
  for (const auto* text : {"", "27", "1027", "028", "-27", "0o27", "u=rwx", "00027"}) {
    EXPECT_EQ(parse_umask(text), std::nullopt) << text;
    EXPECT_EQ(umask_or_none(text), -1) << text;
  }
}

}  // namespace
}  // namespace cgisrv::cgi
