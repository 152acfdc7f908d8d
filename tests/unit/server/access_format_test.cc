#include "server/access_format.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "server/parameters.h"

namespace cgisrv::server {
namespace {

using std::chrono::microseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

class AccessFormatTest : public testing::Test {
 protected:
  AccessFormatTest() {
    ::setenv("TZ", "UTC-2", 1);  // two hours east
    ::tzset();
  }
  ~AccessFormatTest() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  std::string line(std::string_view format) const {
    const auto parsed = AccessFormat::parse(format);
    return parsed ? parsed->line(entry, 784'111'777) : parsed.error().what;
  }
  // A program that has been reaped.
  void run() {
    costs.queue = microseconds(20);
    costs.start = microseconds(300);
    costs.started = account::Start::cold;
    costs.header = microseconds(4000);
    costs.run = microseconds(5000);
    costs.outcome = account::Outcome::answered;
    costs.exit.emplace();
    costs.exit->usage.ru_utime = {1, 500};
    costs.exit->usage.ru_stime = {0, 2000};
    costs.exit->usage.ru_maxrss = 2048;
    costs.exit->usage.ru_minflt = 70;
    entry.costs = &costs;
  }

  account::Costs costs;
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
                       .bytes_received = 5,
                       .duration = microseconds(1500)};
};

TEST_F(AccessFormatTest, Common) {
  EXPECT_EQ(line("common"),
            "192.0.2.7 - - [06/Nov/1994:10:49:37 +0200] \"GET /a?b HTTP/1.1\" 200 1234\n");
}

TEST_F(AccessFormatTest, Combined) {
  EXPECT_EQ(line("combined"),
            "192.0.2.7 - - [06/Nov/1994:10:49:37 +0200] \"GET /a?b HTTP/1.1\" 200 1234 "
            "\"http://example.org/\" \"curl/7.88\"\n");
}

TEST_F(AccessFormatTest, JsonOfAFile) {
  EXPECT_THAT(
      line("json"),
      MatchesRegex("\\{\"time\":\"[-0-9]+T[:0-9]+\\.[0-9]{3}Z\",\"request_id\":\"5f3a\","
                   "\"remote_address\":\"192.0.2.7\",\"host\":\"example.org\","
                   "\"request\":\"GET /a\\?b HTTP/1.1\",\"method\":\"GET\","
                   "\"target\":\"/a\\?b\",\"status\":200,\"bytes_sent\":1234,"
                   "\"bytes_received\":5,\"duration_ms\":1.500,"
                   "\"referer\":\"http://example.org/\",\"user_agent\":\"curl/7.88\"\\}\n"));
}

TEST_F(AccessFormatTest, JsonOfAProgramHasWhatItCost) {
  run();
  EXPECT_THAT(line("json"),
              EndsWith("\"script\":\"/a\",\"outcome\":\"answered\",\"start\":\"cold\","
                       "\"cold_reason\":null,\"queue_ms\":0.020,"
                       "\"start_ms\":0.300,\"header_ms\":4.000,\"run_ms\":5.000,\"exit\":0,"
                       "\"signal\":null,\"cpu_user_ms\":1000.500,\"cpu_system_ms\":2.000,"
                       "\"peak_rss_kib\":2048,\"minor_faults\":70,\"major_faults\":0}\n"));
  costs.exit->signalled = true;
  costs.exit->code = 9;
  EXPECT_THAT(line("json"), HasSubstr("\"exit\":null,\"signal\":\"SIGKILL\""));
}

TEST_F(AccessFormatTest, JsonOfAProgramThatNeverStarted) {
  costs.outcome = account::Outcome::not_started;
  entry.costs = &costs;
  EXPECT_THAT(line("json"), HasSubstr("\"outcome\":\"not-started\",\"start\":null,"
                                      "\"cold_reason\":null,\"queue_ms\":null,"
                                      "\"start_ms\":null,\"header_ms\":null,\"run_ms\":null,"
                                      "\"exit\":null,\"signal\":null,\"cpu_user_ms\":null"));
}

TEST_F(AccessFormatTest, FieldsOfOnesOwn) {
  EXPECT_EQ(line("{{{status}}} {cpu_user_ms} {script}|"), "{200} - -|\n");
  run();
  EXPECT_EQ(line("{{{status}}} {cpu_user_ms} {script}|"), "{200} 1000.500 /a|\n");
}

TEST_F(AccessFormatTest, HowItWasStarted) {
  EXPECT_EQ(line("{start} {cold_reason}|"), "- -|\n") << "a file";
  run();
  EXPECT_EQ(line("{start} {cold_reason}|"), "cold -|\n");
  costs.cold_reason = "refused";
  EXPECT_EQ(line("{start} {cold_reason}|"), "cold refused|\n");
  EXPECT_THAT(line("json"), HasSubstr("\"start\":\"cold\",\"cold_reason\":\"refused\","));
  costs.started = account::Start::warm;
  costs.cold_reason.clear();
  EXPECT_EQ(line("{start} {cold_reason}|"), "warm -|\n");
}

TEST_F(AccessFormatTest, FaultsSayWhatToDo) {
  EXPECT_THAT(line("{sttus}"), HasSubstr("there is no field {sttus}; did you mean {status}?"));
  EXPECT_THAT(line("{nothing-like-it}"), HasSubstr("docs/reference.md"));
  EXPECT_THAT(line("{status"), HasSubstr("stands alone"));
  EXPECT_THAT(line("status}"), HasSubstr("stands alone"));
  for (const auto* text : {"", "jsn", "just a text"})
    EXPECT_THAT(line(text), HasSubstr("\"json\"")) << text;
}

TEST_F(AccessFormatTest, WhatIsMissingIsADash) {
  entry = {.status = 400};
  EXPECT_THAT(line("combined"), StartsWith("- - - ["));
  EXPECT_THAT(line("combined"), EndsWith("\"-\" 400 0 \"-\" \"-\"\n"));
}

TEST_F(AccessFormatTest, ClientThatLeftBeforeTheAnswerIs499) {
  entry.status = 0;
  EXPECT_THAT(line("common"), HasSubstr("\" 499 "));
  EXPECT_THAT(line("json"), HasSubstr("\"status\":499,"));
}

TEST_F(AccessFormatTest, NothingThatAClientSendsForgesALineOrAField) {
  entry.user_agent = "a\" 200 \"b\\\n\x1b[31m\xff";
  entry.request_line = "GET /\"\r HTTP/1.1";
  EXPECT_THAT(line("combined"), EndsWith(" \"a\\x22 200 \\x22b\\x5c\\x0a\\x1b[31m\\xff\"\n"));
  EXPECT_THAT(line("combined"), HasSubstr("\"GET /\\x22\\x0d HTTP/1.1\""));
  // The same as text: JSON knows no \x.
  EXPECT_THAT(line("json"),
              EndsWith("\"a\\\\x22 200 \\\\x22b\\\\x5c\\\\x0a\\\\x1b[31m\\\\xff\"}\n"));
}

TEST_F(AccessFormatTest, LongFieldsAreCut) {
  const std::string agent(100'000, 'x');
  entry.user_agent = agent;
  EXPECT_LT(line("combined").size(), 2000U);
}

TEST_F(AccessFormatTest, KeptEntryNeedsNothingOfTheFirst) {
  const auto first = line("json");
  auto agent = std::make_unique<std::string>("curl/7.88");
  entry.user_agent = *agent;
  const KeptEntry kept(entry);
  agent->assign("gone");
  agent.reset();
  const KeptEntry moved = kept;
  entry = moved.entry();
  EXPECT_EQ(line("json").substr(40), first.substr(40));
}

TEST_F(AccessFormatTest, TheReferenceListsEveryField) {
  EXPECT_THAT(reference_page(), HasSubstr("| `peak_rss_kib` | "));
  for (const AccessField& field : access_fields())
    EXPECT_FALSE(field.about.empty()) << field.name;
}

}  // namespace
}  // namespace cgisrv::server
