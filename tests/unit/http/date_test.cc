#include "http/date.h"

#include <gtest/gtest.h>

namespace cgisrv::http {
namespace {

constexpr std::time_t example = 784111777;  // the RFC's own, in 1994
constexpr std::time_t now = 1'750'000'000;  // in June 2025

TEST(Rfc9110_5_6_7, WritesImfFixdate) {
  EXPECT_EQ(format_date(example), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format_date(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(Rfc9110_5_6_7, ReadsAllThreeFormats) {
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now), example);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now), example);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", now), example);
  EXPECT_EQ(parse_date("Wed Nov 16 08:49:37 1994", now), example + 10 * 86400);
}

TEST(Rfc9110_5_6_7, ReadsWhatItWrites) {
  for (std::time_t time = 0; time < 8'000'000'000; time += 12'345'678) {
    EXPECT_EQ(parse_date(format_date(time), now), time);
  }
}

TEST(Rfc9110_5_6_7, TwoDigitYearsMoreThanFiftyYearsAheadAreInThePast) {
  EXPECT_EQ(parse_date("Thursday, 01-Jan-70 00:00:00 GMT", now), 3155760000);  // 2070
  EXPECT_EQ(format_date(*parse_date("Sunday, 15-Jun-75 15:06:40 GMT", now)).substr(12, 4), "2075");
  EXPECT_EQ(format_date(*parse_date("Sunday, 15-Jun-75 15:06:41 GMT", now)).substr(12, 4), "1975");
}

TEST(Rfc9110_5_6_7, ALeapSecondIsRead) {
  EXPECT_EQ(parse_date("Sat, 31 Dec 2016 23:59:60 GMT", now), 1483228799);
}

TEST(Rfc9110_5_6_7, MalformedDatesAreNothing) {
  for (const auto* text : {"",
                           "0",
                           "yesterday",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           " Sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT",
                           "Son, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:37 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 06 Nov 94 08:49:37 GMT",
                           "Sun, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 1994 GMT",
                           "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(parse_date(text, now)) << text;
  }
}

}  // namespace
}  // namespace cgisrv::http
