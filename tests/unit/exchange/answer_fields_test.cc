#include "exchange/answer_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgisrv::exchange {
namespace {

using config::CacheRule;
using config::FieldRule;
using Kind = FieldRule::Kind;
using testing::ElementsAre;

std::vector<std::string> lines(const http::Response& response) {
  std::vector<std::string> found;
  for (const auto& [name, value] : response.fields)
    found.push_back(name + ": " + value);
  return found;
}

TEST(FieldRules, SetReplacesAddAddsRemoveRemoves) {
  http::Response response;
  response.add("x-frame-options", "ALLOW");
  response.add("Vary", "Accept");
  response.add("X-Powered-By", "PHP");
  apply_field_rules({{Kind::set, "X-Frame-Options", "DENY"},
                     {Kind::add, "Vary", "Cookie"},
                     {Kind::remove, "x-powered-by", ""}},
                    response);
  EXPECT_THAT(lines(response),
              ElementsAre("Vary: Accept", "X-Frame-Options: DENY", "Vary: Cookie"));
}

TEST(FieldRules, ServerIsReplacedOrRemoved) {
  http::Response response;
  http::add_origin_fields(response, 0);
  apply_field_rules({{Kind::remove, "server", ""}}, response);
  EXPECT_TRUE(response.server.empty());
  EXPECT_FALSE(response.date.empty());
  http::add_origin_fields(response, 0);
  apply_field_rules({{Kind::set, "Server", "another"}}, response);
  EXPECT_TRUE(response.server.empty());
  EXPECT_THAT(lines(response), ElementsAre("Server: another"));
}

std::vector<std::string> cached(std::string_view type) {
  using namespace std::chrono_literals;
  static const std::vector<CacheRule> rules = {
      {"*", 1h}, {"image/*", 24h}, {"image/svg+xml", 0s}, {"text/html", CacheRule::no_store}};
  http::Response response;
  add_cache_fields(rules, type, response, 0);
  return lines(response);
}

TEST(CacheRules, TheMostSpecificTypeCounts) {
  EXPECT_THAT(cached("text/css"),
              ElementsAre("Cache-Control: max-age=3600", "Expires: Thu, 01 Jan 1970 01:00:00 GMT"));
  EXPECT_THAT(cached("image/png"), ElementsAre("Cache-Control: max-age=86400",
                                               "Expires: Fri, 02 Jan 1970 00:00:00 GMT"));
  EXPECT_THAT(cached("IMAGE/SVG+xml"), ElementsAre("Cache-Control: no-cache"));
  EXPECT_THAT(cached("text/html; charset=utf-8"), ElementsAre("Cache-Control: no-store"));
}

TEST(CacheRules, WithoutOneNothingIsSaid) {
  http::Response response;
  add_cache_fields({{"image/*", std::chrono::hours(1)}}, "text/css", response, 0);
  add_cache_fields({}, "text/css", response, 0);
  EXPECT_TRUE(response.fields.empty());
}

}  // namespace
}  // namespace cgisrv::exchange
