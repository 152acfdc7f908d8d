#include "site/sent_programs.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace cgisrv::site {
namespace {

TEST(SentPrograms, AreToldOnceEachAndNotWithoutEnd) {
  unsigned told = 0;
  log::divert([&](log::Level, std::string_view, std::string_view) { ++told; });
  SentPrograms programs;
  for (unsigned i = 0; i < 100; ++i)
    for (const std::string& file : {std::to_string(i), std::string("the same")})
      if (programs.is_new(file)) programs.tell(file, "it is sent");
  log::divert({});
  EXPECT_EQ(told, 64U);
}

}  // namespace
}  // namespace cgisrv::site
