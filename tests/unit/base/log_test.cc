#include "base/log.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "../temporary_directory.h"
#include "base/check.h"

namespace cgisrv::log {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class Log : public testing::Test {
 protected:
  Log() { EXPECT_TRUE(open(path)); }
  ~Log() override {
    set_level(Level::info);
    set_format(Format::text);
    EXPECT_TRUE(open("stderr"));
  }
  std::string content() const {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/log";
};

constexpr std::string_view time_pattern =
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z";

TEST_F(Log, LineHasTimeLevelPidAndText) {
  line(Level::warn, "{} and {}", 1, "two");
  EXPECT_THAT(content(),
              MatchesRegex(fmt::format("{} warn \\[{}\\] 1 and two\n", time_pattern, ::getpid())));
}

TEST_F(Log, RequestIdStandsInBrackets) {
  write(Level::error, "5f3a", "text");
  EXPECT_THAT(content(), HasSubstr(fmt::format(" error [{}] [5f3a] text\n", ::getpid())));
}

TEST_F(Log, JsonIsAnObjectForEachLine) {
  set_format(Format::json);
  write(Level::error, "5f3a", "a \"b\" \\ \x01");
  line(Level::warn, "no request");
  const std::string lines = content();
  EXPECT_THAT(lines, MatchesRegex(fmt::format(R"(\{{"time":"{}",.*)", time_pattern)));
  EXPECT_THAT(lines, HasSubstr(fmt::format(R"("level":"error","pid":{},"request_id":"5f3a",)",
                                           ::getpid())));
  EXPECT_THAT(lines, HasSubstr("\"message\":\"a \\\"b\\\" \\\\ \\\\x01\"}\n"));
  EXPECT_THAT(lines, HasSubstr("\"request_id\":null,\"message\":\"no request\"}\n"));
}

TEST_F(Log, LinesBelowTheLevelAreDropped) {
  set_level(Level::error);
  line(Level::warn, "dropped");
  write(Level::notice, "id", "dropped");
  EXPECT_FALSE(enabled(Level::warn));
  EXPECT_TRUE(enabled(Level::error) && enabled(Level::fatal));
  EXPECT_EQ(content(), "");
  line(Level::fatal, "kept");
  EXPECT_THAT(content(), HasSubstr("fatal"));
}

using LogDeathTest = Log;

TEST_F(LogDeathTest, LastWordsAreThereToo) {
  EXPECT_DEATH(CGISRV_CHECK(1 + 1 == 3), "bug: check failed: 1 \\+ 1 == 3");
  EXPECT_THAT(content(), HasSubstr("bug: check failed: 1 + 1 == 3"));
  EXPECT_THAT(content(), HasSubstr(" fatal ["));
}

TEST_F(Log, SaysWhatItLost) {
  ASSERT_TRUE(open("/dev/full"));
  line(Level::info, "lost");
  line(Level::info, "lost, too");
  ASSERT_TRUE(open(path));
  std::this_thread::sleep_for(std::chrono::milliseconds(130));
  line(Level::info, "first");
  line(Level::info, "second");
  EXPECT_THAT(content(), MatchesRegex(".* error \\[[0-9]+\\] 2 lines of this log were lost: "
                                      "No space left on device\n.* first\n.* second\n"));
}

TEST_F(Log, JournalKnowsTheTime) {
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  ::setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino).c_str(), 1);
  ASSERT_TRUE(open(path));
  set_level(Level::debug);
  line(Level::debug, "least");
  write(Level::warn, "5f3a", "text");
  line(Level::fatal, "most");
  ::unsetenv("JOURNAL_STREAM");
  const int pid = ::getpid();
  EXPECT_EQ(content(),
            fmt::format("<7>[{}] least\n<4>[{}] [5f3a] text\n<2>[{}] most\n", pid, pid, pid));
}

TEST_F(Log, AppendsToWhatIsThere) {
  line(Level::info, "first");
  ASSERT_TRUE(open(path));
  line(Level::info, "second");
  EXPECT_THAT(content(), MatchesRegex(".*first\n.*second\n"));
}

TEST_F(Log, OneThatCannotBeOpenedLeavesTheOldOne) {
  const auto opened = open(directory.path() + "/missing/log");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ENOENT);
  EXPECT_THAT(opened.error().what, HasSubstr("/missing/log: No such file or directory"));
  line(Level::info, "still here");
  EXPECT_THAT(content(), HasSubstr("still here"));
}

TEST_F(Log, LinesOfSeveralProcessesNeverMix) {
  constexpr int writers = 4;
  constexpr int lines = 200;
  for (int writer = 0; writer < writers; ++writer) {
    if (::fork() != 0) continue;
    for (int i = 0; i < lines; ++i)
      line(Level::info, "<{}>", std::string(500, static_cast<char>('a' + writer)));
    ::_exit(0);
  }
  for (int writer = 0; writer < writers; ++writer)
    ASSERT_GT(::wait(nullptr), 0);
  std::ifstream in(path);
  int seen = 0;
  for (std::string text; std::getline(in, text); ++seen) {
    const auto start = text.find('<');
    ASSERT_NE(start, std::string::npos) << text;
    EXPECT_EQ(text.substr(start), "<" + std::string(500, text[start + 1]) + ">");
  }
  EXPECT_EQ(seen, writers * lines);
}

TEST(LogLevel, NamesAreParsed) {
  EXPECT_EQ(parse_level("debug"), Level::debug);
  EXPECT_EQ(parse_level("notice"), Level::notice);
  EXPECT_EQ(parse_level("fatal"), Level::fatal);
  EXPECT_EQ(parse_level("Info"), std::nullopt);
  EXPECT_EQ(parse_level(""), std::nullopt);
}

}  // namespace
}  // namespace cgisrv::log
