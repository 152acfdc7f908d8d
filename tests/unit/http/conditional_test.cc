#include "http/conditional.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "http/date.h"

namespace cgisrv::http {
namespace {

constexpr std::time_t now = 1'750'000'000;
constexpr std::time_t modified = now - 1000;
const Validators current{"\"v1\"", modified};

constexpr auto proceed = Precondition::proceed;
constexpr auto not_modified = Precondition::not_modified;
constexpr auto failed = Precondition::failed;

Precondition check(std::string_view method, std::initializer_list<FieldView> fields,
                   const Validators& validators = current) {
  Request request;
  request.method = method;
  request.fields = fields;
  return evaluate(request, validators, now);
}

bool range(std::string_view if_range, const Validators& validators = current) {
  Request request;
  request.fields = {{"If-Range", if_range}};
  return range_applies(request, validators, now);
}

TEST(Rfc9110_13_1_1, IfMatchComparesStrongly) {
  EXPECT_EQ(check("PUT", {{"If-Match", "\"v1\""}}), proceed);
  EXPECT_EQ(check("GET", {{"If-Match", "\"a\", \"v1\""}}), proceed);
  EXPECT_EQ(check("GET", {{"If-Match", "\"a\""}, {"If-Match", "\"v1\""}}), proceed);
  EXPECT_EQ(check("GET", {{"If-Match", "*"}}), proceed);
  EXPECT_EQ(check("GET", {{"If-Match", "\"a\""}}), failed);
  EXPECT_EQ(check("GET", {{"If-Match", "W/\"v1\""}}), failed);
  EXPECT_EQ(check("GET", {{"If-Match", "W/\"v1\""}}, {"W/\"v1\"", modified}), failed);
  EXPECT_EQ(check("GET", {{"If-Match", "v1"}}), failed);
  EXPECT_EQ(check("GET", {{"If-Match", ""}}), failed);
  EXPECT_EQ(check("GET", {{"If-Match", "\"v1\""}}, {"", modified}), failed);
}

TEST(Rfc9110_8_8_3, TagsMayHoldCommasAndBackslashes) {
  EXPECT_EQ(check("GET", {{"If-None-Match", "\"a,b\\\" , ,\"c\""}}, {"\"a,b\\\"", 0}),
            not_modified);
  EXPECT_EQ(check("GET", {{"If-None-Match", "\"a,b\\\" , ,\"c\""}}, {"\"c\"", 0}), not_modified);
}

TEST(Rfc9110_13_1_2, IfNoneMatchComparesWeakly) {
  EXPECT_EQ(check("GET", {{"If-None-Match", "W/\"v1\""}}), not_modified);
  EXPECT_EQ(check("HEAD", {{"If-None-Match", "\"a\",\"v1\""}}), not_modified);
  EXPECT_EQ(check("GET", {{"If-None-Match", "\"v1\""}}, {"W/\"v1\"", 0}), not_modified);
  EXPECT_EQ(check("GET", {{"If-None-Match", "*"}}), not_modified);
  EXPECT_EQ(check("GET", {{"If-None-Match", "\"a\""}}), proceed);
  EXPECT_EQ(check("GET", {{"If-None-Match", "\"v1"}}), proceed);
  EXPECT_EQ(check("PUT", {{"If-None-Match", "*"}}), failed);
  EXPECT_EQ(check("POST", {{"If-None-Match", "\"v1\""}}), failed);
}

TEST(Rfc9110_13_1_3, IfModifiedSince) {
  const auto same = format_date(modified);
  const auto before = format_date(modified - 1);
  EXPECT_EQ(check("GET", {{"If-Modified-Since", same}}), not_modified);
  EXPECT_EQ(check("HEAD", {{"If-Modified-Since", format_date(now)}}), not_modified);
  EXPECT_EQ(check("GET", {{"If-Modified-Since", before}}), proceed);
  EXPECT_EQ(check("POST", {{"If-Modified-Since", same}}), proceed);
  EXPECT_EQ(check("GET", {{"If-Modified-Since", "soon"}}), proceed);
  EXPECT_EQ(check("GET", {{"If-Modified-Since", format_date(now + 1)}}), proceed)
      << "in the future";
  EXPECT_EQ(check("GET", {{"If-Modified-Since", same}, {"If-Modified-Since", same}}), proceed);
  EXPECT_EQ(check("GET", {{"If-Modified-Since", same}}, {"", 0}), proceed) << "no date to compare";
}

TEST(Rfc9110_13_1_4, IfUnmodifiedSince) {
  EXPECT_EQ(check("PUT", {{"If-Unmodified-Since", format_date(modified)}}), proceed);
  EXPECT_EQ(check("PUT", {{"If-Unmodified-Since", format_date(modified - 1)}}), failed);
  EXPECT_EQ(check("GET", {{"If-Unmodified-Since", format_date(modified - 1)}}), failed);
  EXPECT_EQ(check("PUT", {{"If-Unmodified-Since", "soon"}}), proceed);
}

TEST(Rfc9110_13_2_2, ForkRequest) {
  const auto old = format_date(modified - 1);
  const auto same = format_date(modified);
  EXPECT_EQ(check("GET", {{"If-Match", "\"v1\""}, {"If-Unmodified-Since", old}}), proceed)
      << "If-Match silences If-Unmodified-Since";
  EXPECT_EQ(check("GET", {{"If-None-Match", "\"a\""}, {"If-Modified-Since", same}}), proceed)
      << "If-None-Match silences If-Modified-Since";
  EXPECT_EQ(check("GET", {{"If-None-Match", "\"v1\""}, {"If-Match", "\"a\""}}), failed);
  EXPECT_EQ(check("GET", {{"If-Match", "*"}, {"If-None-Match", "\"v1\""}}), not_modified);
  EXPECT_EQ(check("GET", {{"If-Unmodified-Since", same}, {"If-Modified-Since", same}}),
            not_modified);
}

TEST(Rfc9110_13_1_5, IfRangeComparesStrongly) {
  Request request;
  EXPECT_TRUE(range_applies(request, current, now)) << "absent";
  EXPECT_TRUE(range("\"v1\""));
  EXPECT_FALSE(range("\"v2\""));
  EXPECT_FALSE(range("W/\"v1\""));
  EXPECT_FALSE(range("W/\"v1\"", {"W/\"v1\"", modified}));
  EXPECT_FALSE(range("\"v2\", \"v1\""));
  EXPECT_FALSE(range("\"v1\", \"v2\""));
  EXPECT_FALSE(range(""));
}

TEST(Rfc9110_13_1_5, IfRangeDateMustBeExactAndStrong) {
  EXPECT_TRUE(range(format_date(modified)));
  EXPECT_FALSE(range(format_date(modified + 1)));
  EXPECT_FALSE(range(format_date(now), {"", now})) << "may change again within this second";
  EXPECT_FALSE(range("soon"));
}

}  // namespace
}  // namespace cgisrv::http
