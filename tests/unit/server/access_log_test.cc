#include "server/access_log.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

#include "../temporary_directory.h"

namespace cgisrv::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() {
    ::setenv("TZ", "UTC-2", 1);  // two hours east
    ::tzset();
  }
  ~AccessLogTest() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  std::string line(LogFormat format) const { return format_entry(entry, format, 784'111'777); }

  AccessEntry entry = {.remote_address = "192.0.2.7",
                       .request_line = "GET /a?b HTTP/1.1",
                       .method = "GET",
                       .target = "/a?b",
                       .host = "example.org",
                       .referer = "http://example.org/",
                       .user_agent = "curl/7.88",
                       .request_id = "5f3a",
                       .script = "/a",
                       .status = 200,
                       .bytes_sent = 1234,
                       .duration = std::chrono::microseconds(1500)};
};

TEST_F(AccessLogTest, Common) {
  EXPECT_EQ(line(LogFormat::common),
            "192.0.2.7 - - [06/Nov/1994:10:49:37 +0200] \"GET /a?b HTTP/1.1\" 200 1234\n");
}

TEST_F(AccessLogTest, Combined) {
  EXPECT_EQ(line(LogFormat::combined),
            "192.0.2.7 - - [06/Nov/1994:10:49:37 +0200] \"GET /a?b HTTP/1.1\" 200 1234 "
            "\"http://example.org/\" \"curl/7.88\"\n");
}

TEST_F(AccessLogTest, Json) {
  EXPECT_THAT(
      line(LogFormat::json),
      MatchesRegex("\\{\"time\":\"[-0-9]+T[:0-9]+\\.[0-9]{3}Z\",\"request_id\":\"5f3a\","
                   "\"remote_address\":\"192.0.2.7\",\"host\":\"example.org\",\"method\":\"GET\","
                   "\"target\":\"/a\\?b\",\"status\":200,\"bytes_sent\":1234,"
                   "\"duration_ms\":1.500,\"script\":\"/a\",\"referer\":\"http://example.org/\","
                   "\"user_agent\":\"curl/7.88\"\\}\n"));
}

TEST_F(AccessLogTest, WhatIsMissingIsADash) {
  entry = {.status = 400};
  EXPECT_THAT(line(LogFormat::combined), StartsWith("- - - ["));
  EXPECT_THAT(line(LogFormat::combined), EndsWith("\"-\" 400 0 \"-\" \"-\"\n"));
}

TEST_F(AccessLogTest, ClientThatLeftBeforeTheAnswerIs499) {
  entry.status = 0;
  EXPECT_THAT(line(LogFormat::common), HasSubstr("\" 499 "));
  EXPECT_THAT(line(LogFormat::json), HasSubstr("\"status\":499,"));
}

TEST_F(AccessLogTest, NothingThatAClientSendsForgesALineOrAField) {
  entry.user_agent = "a\" 200 \"b\\\n\x1b[31m\xff";
  entry.request_line = "GET /\"\r HTTP/1.1";
  EXPECT_THAT(line(LogFormat::combined),
              EndsWith(" \"a\\x22 200 \\x22b\\x5c\\x0a\\x1b[31m\\xff\"\n"));
  EXPECT_THAT(line(LogFormat::combined), HasSubstr("\"GET /\\x22\\x0d HTTP/1.1\""));
  // The same as text: JSON knows no \x.
  EXPECT_THAT(line(LogFormat::json),
              EndsWith("\"a\\\\x22 200 \\\\x22b\\\\x5c\\\\x0a\\\\x1b[31m\\\\xff\"}\n"));
}

TEST_F(AccessLogTest, LongFieldsAreCut) {
  const std::string agent(100'000, 'x');
  entry.user_agent = agent;
  EXPECT_LT(line(LogFormat::combined).size(), 2000U);
}

TEST_F(AccessLogTest, FileIsAppendedTo) {
  TemporaryDirectory directory;
  const auto path = directory.file("log", 0644, "before\n");
  auto log = AccessLog::open({.path = path, .format = LogFormat::common});
  ASSERT_TRUE(log) << log.error().what;
  log->write(entry);
  log->write(entry);
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string text; std::getline(in, text);)
    lines.push_back(text);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "before");
  EXPECT_THAT(lines[2], EndsWith("\"GET /a?b HTTP/1.1\" 200 1234"));
}

TEST_F(AccessLogTest, FileThatCannotBeOpenedIsNamed) {
  const auto log = AccessLog::open({.path = "/no/such/log"});
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().what, HasSubstr("/no/such/log: No such file"));
}

TEST_F(AccessLogTest, OffWritesNothing) {
  testing::internal::CaptureStderr();
  auto off = AccessLog::open({.path = "off"});
  ASSERT_TRUE(off);
  off->write(entry);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  auto on = AccessLog::open({});
  ASSERT_TRUE(on);
  testing::internal::CaptureStderr();
  on->write(entry);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), StartsWith("192.0.2.7 - - ["));
}

}  // namespace
}  // namespace cgisrv::server
