#include "cgi/stderr_log.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "../temporary_directory.h"
#include "base/log.h"

namespace cgisrv::cgi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StderrLogTest : public testing::Test {
 protected:
  StderrLogTest() { EXPECT_TRUE(log::open(path)); }
  ~StderrLogTest() override { EXPECT_TRUE(log::open("stderr")); }
  // What was logged, without the time and the pid that each line begins with.
  std::vector<std::string> lines() const {
    std::ifstream in(path);
    std::vector<std::string> result;
    for (std::string line; std::getline(in, line);)
      result.push_back(line.substr(line.find("] ") + 2));
    return result;
  }
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/log";
  StderrLog stderr_log{"5f3a", "/x.cgi"};
};

TEST_F(StderrLogTest, LineByLineHoweverItComes) {
  stderr_log.feed("one\ntw");
  stderr_log.feed("o");
  EXPECT_THAT(lines(), ElementsAre("[5f3a] /x.cgi: stderr: one"));
  stderr_log.feed("\n\nrest");
  stderr_log.end();
  stderr_log.end();
  EXPECT_THAT(lines(), ElementsAre("[5f3a] /x.cgi: stderr: one", "[5f3a] /x.cgi: stderr: two",
                                   "[5f3a] /x.cgi: stderr: ", "[5f3a] /x.cgi: stderr: rest"));
}

TEST_F(StderrLogTest, NothingForgesALine) {
  stderr_log.feed("a\r\x1b[31mb\n");
  EXPECT_THAT(lines(), ElementsAre("[5f3a] /x.cgi: stderr: a\\x0d\\x1b[31mb"));
}

TEST_F(StderrLogTest, LongLinesAreBrokenAndNothingIsLost) {
  const std::string prefix = "[5f3a] /x.cgi: stderr: ";
  const std::string line(3 * StderrLog::line_bytes_max, 'x');
  stderr_log.feed(line + "yy\n");
  stderr_log.feed(line.substr(0, StderrLog::line_bytes_max));  // just as long as allowed
  stderr_log.feed("\nend\n");
  const std::string full = prefix + std::string(StderrLog::line_bytes_max, 'x');
  EXPECT_THAT(lines(), ElementsAre(full, full, full, prefix + "yy", full, prefix + "end"));
}

TEST_F(StderrLogTest, TailIsTheLastOfWhatWasWritten) {
  EXPECT_EQ(stderr_log.tail(), "");
  stderr_log.feed("first\n");
  EXPECT_EQ(stderr_log.tail(), "first\n");
  stderr_log.feed(std::string(StderrLog::tail_bytes_max, 'x') + "last\n");
  EXPECT_EQ(stderr_log.tail().size(), StderrLog::tail_bytes_max);
  EXPECT_TRUE(stderr_log.tail().ends_with("xlast\n"));
}

TEST_F(StderrLogTest, PastTheCapIsOnlyCounted) {
  constexpr std::size_t line_bytes = 1024;  // its end included
  constexpr std::size_t kept = StderrLog::logged_bytes_max / line_bytes;
  for (std::size_t i = 0; i < kept + 10; ++i)
    stderr_log.feed(std::string(line_bytes - 1, 'x') + "\n");
  EXPECT_EQ(lines().size(), kept);
  stderr_log.end();
  EXPECT_EQ(lines().size(), kept + 1);
  EXPECT_THAT(lines().back(), HasSubstr("10240 more bytes of stderr were not logged"));
}

}  // namespace
}  // namespace cgisrv::cgi
