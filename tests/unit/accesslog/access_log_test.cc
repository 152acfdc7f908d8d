#include "accesslog/access_log.h"

#include <gmock/gmock.h>

#include <fstream>

#include "../temporary_directory.h"

namespace cgisrv::accesslog {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class AccessLogTest : public testing::Test {
 protected:
  AccessEntry entry = {.remote_address = "192.0.2.7",
                       .request_line = "GET /a?b HTTP/1.1",
                       .status = 200,
                       .bytes_sent = 1234};
};

TEST_F(AccessLogTest, FileIsAppendedTo) {
  TemporaryDirectory directory;
  const auto path = directory.file("log", 0644, "before\n");
  auto log = AccessLog::open({.path = path, .format = "common"});
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
  testing::internal::CaptureStderr();
  auto on = AccessLog::open({});
  ASSERT_TRUE(on);
  on->write(entry);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), StartsWith("192.0.2.7 - - ["));
}

}  // namespace
}  // namespace cgisrv::accesslog
