#include "exec/verdict.h"

#include <gmock/gmock.h>

namespace cgisrv::exec {
namespace {

using std::chrono::microseconds;

class VerdictTest : public testing::Test {
 protected:
  void over() {}
  void ran(int code, bool signalled = false) {
    auto account = std::make_shared<account::Account>();
    account->usage.start = account::Duration(0);
    account->close(account::Outcome::answered);
    account->reaped({.signalled = signalled, .code = code});
    record.starting({.name = "/x.cgi", .filename = "/srv/x.cgi"}, cgi::Environment(), account);
  }
  Verdict verdict(std::string_view answer) {
    Response response;
    response.feed(answer);
    response.end();
    return judge(record, response, microseconds(12'345));
  }
  Record record{false, Callback::of<&VerdictTest::over>(*this)};
};

constexpr std::string_view good = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";

TEST_F(VerdictTest, Good) {
  ran(0);
  EXPECT_TRUE(verdict(good).good);
  EXPECT_EQ(verdict(good).reason, "200, 1 byte in 12 ms");
  EXPECT_TRUE(verdict("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n").good);
}

TEST_F(VerdictTest, BadEnds) {
  ran(3);
  EXPECT_EQ(verdict(good).reason, "200, but /srv/x.cgi: exit status 3");
  EXPECT_FALSE(verdict(good).good);
}

TEST_F(VerdictTest, SaysWhatTheProgramSaid) {
  ran(127);
  record.complained("starting\n/srv/x.cgi: 3: gnuplot: not found\n");
  EXPECT_EQ(verdict(good).reason,
            "200, but /srv/x.cgi: exit status 127; its standard error says why: /srv/x.cgi: 3: "
            "gnuplot: not found");
}

TEST_F(VerdictTest, AnyOfSeveralProgramsCounts) {
  ran(3);
  ran(0);
  EXPECT_FALSE(verdict(good).good);
}

TEST_F(VerdictTest, BadResponses) {
  ran(0);
  EXPECT_EQ(verdict("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").reason,
            "503: the program itself says so");
  EXPECT_EQ(verdict("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx").reason,
            "200, but the response was cut");
  EXPECT_EQ(verdict("nonsense").reason, "what came is no HTTP response");
}

TEST_F(VerdictTest, NoProgram) {
  EXPECT_EQ(verdict(good).reason, "200: no program was run");
}

TEST_F(VerdictTest, TheServersWordsGoFirst) {
  ran(3);
  record.logged(log::Level::notice, "id", "/srv/x.cgi: ended with exit status 3");
  record.logged(log::Level::warn, "", "/srv is writable by everyone");
  EXPECT_EQ(verdict(good).reason, "200, but /srv/x.cgi: exit status 3");
  record.logged(log::Level::info, "id", "404: /srv/y does not exist");
  EXPECT_EQ(verdict(good).reason, "404: /srv/y does not exist");
  record.logged(log::Level::warn, "id", "the response is cut");
  EXPECT_EQ(verdict(good).reason, "the response is cut");
}

TEST_F(VerdictTest, StandardErrorIsNotTheLog) {
  ran(0);
  record.logged(log::Level::notice, "id", "/x.cgi: stderr: 404: me");
  EXPECT_TRUE(record.log().empty());
  EXPECT_TRUE(verdict(good).good);
}

TEST(Texts, Durations) {
  EXPECT_EQ(duration_text(microseconds(40)), "0.0 ms");
  EXPECT_EQ(duration_text(microseconds(1'250)), "1.2 ms");
  EXPECT_EQ(duration_text(microseconds(12'345)), "12 ms");
  EXPECT_EQ(duration_text(microseconds(1'234'567)), "1.23 s");
}

}  // namespace
}  // namespace cgisrv::exec
