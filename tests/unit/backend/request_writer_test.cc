#include "backend/request_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "fastcgi/record.h"

namespace cgisrv::backend {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::Pair;

constexpr std::array variables = {"REQUEST_METHOD=POST"sv, "QUERY_STRING=a=b"sv, "EMPTY="sv,
                                  "CONTENT_LENGTH=5"sv};

TEST(RequestWriter, WritesFastcgi) {
  std::string bytes;
  write_head(bytes, Protocol::fastcgi, variables, true);
  write_body(bytes, Protocol::fastcgi, "hello");
  write_body_end(bytes, Protocol::fastcgi);
  fastcgi::RecordReader reader;
  std::string_view rest = bytes;
  const auto begin = reader.next(rest);
  ASSERT_TRUE(begin && begin->header.type == fastcgi::Type::begin_request);
  EXPECT_TRUE(fastcgi::read_begin(begin->content)->keeps_connection);
  const auto params = reader.next(rest);
  ASSERT_TRUE(params && params->header.id == only_id);
  EXPECT_THAT(*fastcgi::read_pairs(params->content),
              ElementsAre(Pair("REQUEST_METHOD", "POST"), Pair("QUERY_STRING", "a=b"),
                          Pair("EMPTY", ""), Pair("CONTENT_LENGTH", "5")));
  EXPECT_EQ(reader.next(rest)->content, "");
  EXPECT_EQ(reader.next(rest)->content, "hello");
  const auto last = reader.next(rest);
  EXPECT_TRUE(last->header.type == fastcgi::Type::standard_input && last->content.empty());
  EXPECT_TRUE(rest.empty() && reader.is_between_records());
}

TEST(RequestWriter, WritesScgiWithItsLengthFirst) {
  std::string bytes;
  write_head(bytes, Protocol::scgi, variables, false);
  write_body(bytes, Protocol::scgi, "hello");
  write_body_end(bytes, Protocol::scgi);
  EXPECT_EQ(bytes,
            "68:CONTENT_LENGTH\0005\0SCGI\0001\0REQUEST_METHOD\0POST\0QUERY_STRING\0a=b\0EMPTY\0\0,"
            "hello"sv);
}

TEST(RequestWriter, GivesScgiALengthWithoutABody) {
  std::string bytes;
  write_head(bytes, Protocol::scgi, std::array{"A=b"sv}, false);
  EXPECT_EQ(bytes, "28:CONTENT_LENGTH\0000\0SCGI\0001\0A\0b\0,"sv);
}

// More than a record holds.
TEST(RequestWriter, SplitsLongParameters) {
  const std::string large = "A=" + std::string(100'000, 'x');
  std::string bytes;
  write_head(bytes, Protocol::fastcgi, std::array{std::string_view(large)}, false);
  fastcgi::RecordReader reader;
  std::string_view rest = bytes;
  std::string params;
  while (const auto part = reader.next(rest))
    if (part->header.type == fastcgi::Type::params) params += part->content;
  const auto pairs = fastcgi::read_pairs(params);
  ASSERT_TRUE(pairs.has_value());
  EXPECT_EQ(pairs->front().second.size(), 100'000U);
}

}  // namespace
}  // namespace cgisrv::backend
