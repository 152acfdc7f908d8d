#include "accesslog/access_format.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace cgisrv::accesslog {
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
    usage.queue = microseconds(20);
    usage.start = microseconds(300);
    usage.started = account::StartKind::cold;
    usage.header = microseconds(4000);
    usage.run = microseconds(5000);
    usage.outcome = account::Outcome::answered;
    usage.exit.emplace();
    usage.exit->usage.ru_utime = {1, 500};
    usage.exit->usage.ru_stime = {0, 2000};
    usage.exit->usage.ru_maxrss = 2048;
    usage.exit->usage.ru_minflt = 70;
    entry.usage = &usage;
  }

  account::Usage usage;
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
                   "\"remote_address\":\"192.0.2.7\",\"user\":null,"
                   "\"client_address\":null,\"proxy_address\":null,\"host\":\"example.org\","
                   "\"request\":\"GET /a\\?b HTTP/1.1\",\"method\":\"GET\","
                   "\"target\":\"/a\\?b\",\"status\":200,\"bytes_sent\":1234,"
                   "\"bytes_received\":5,\"duration_ms\":1.500,"
                   "\"referer\":\"http://example.org/\",\"user_agent\":\"curl/7.88\","
                   "\"tls_protocol\":null,\"tls_cipher\":null\\}\n"));
}

TEST_F(AccessFormatTest, JsonOfAProgramHasWhatItCost) {
  run();
  EXPECT_THAT(line("json"),
              EndsWith("\"script\":\"/a\",\"outcome\":\"answered\",\"start\":\"cold\","
                       "\"cold_reason\":null,\"queue_ms\":0.020,"
                       "\"start_ms\":0.300,\"header_ms\":4.000,\"run_ms\":5.000,\"exit\":0,"
                       "\"signal\":null,\"cpu_user_ms\":1000.500,\"cpu_system_ms\":2.000,"
                       "\"peak_rss_kib\":2048,\"minor_faults\":70,\"major_faults\":0}\n"));
  usage.exit->signalled = true;
  usage.exit->code = 9;
  EXPECT_THAT(line("json"), HasSubstr("\"exit\":null,\"signal\":\"SIGKILL\""));
}

TEST_F(AccessFormatTest, JsonOfAProgramThatNeverStarted) {
  usage.outcome = account::Outcome::not_started;
  entry.usage = &usage;
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
  usage.cold_reason = "refused";
  EXPECT_EQ(line("{start} {cold_reason}|"), "cold refused|\n");
  EXPECT_THAT(line("json"), HasSubstr("\"start\":\"cold\",\"cold_reason\":\"refused\","));
  usage.started = account::StartKind::warm;
  usage.cold_reason.clear();
  EXPECT_EQ(line("{start} {cold_reason}|"), "warm -|\n");
}

TEST_F(AccessFormatTest, FaultsSayWhatToDo) {
  EXPECT_THAT(line("{sttus}"), HasSubstr("there is no field {sttus}; did you mean {status}?"));
  EXPECT_THAT(line("{nothing-like-it}"), HasSubstr("docs/reference.md"));
  EXPECT_THAT(line("{status"), HasSubstr("stands alone"));
  EXPECT_THAT(line("status}"), HasSubstr("stands alone"));
  // Fault 2n: all that is wrong is said at once.
  EXPECT_EQ(line("{sttus} {status} {nothing-like-it} }"),
            "there is no field {sttus}; did you mean {status}?; there is no field "
            "{nothing-like-it}; docs/reference.md lists them; a brace stands alone; write it twice "
            "to have one in the line");
  for (const auto* text : {"", "jsn", "just a text"})
    EXPECT_THAT(line(text), HasSubstr("\"json\"")) << text;
}

TEST_F(AccessFormatTest, WhatIsMissingIsADash) {
  entry = {.status = 400};
  EXPECT_THAT(line("combined"), StartsWith("- - - ["));
  EXPECT_THAT(line("combined"), EndsWith("\"-\" 400 - \"-\" \"-\"\n"));
}

// Fault 37.
TEST_F(AccessFormatTest, ClfHasADashForAnEmptyBody) {
  entry.bytes_sent = 0;
  EXPECT_THAT(line("common"), EndsWith("\" 200 -\n"));
  EXPECT_THAT(line("combined"), HasSubstr("\" 200 - \""));
  EXPECT_EQ(line("{bytes_sent} {clf_bytes_sent}"), "0 -\n");
  EXPECT_THAT(line("json"), HasSubstr("\"bytes_sent\":0,"));
  EXPECT_THAT(line("json"), Not(HasSubstr("clf_bytes_sent")));
}

// Fault 6.
TEST_F(AccessFormatTest, UserIsTheThirdColumnAndAFieldOfItsOwn) {
  entry.user = "alice";
  EXPECT_THAT(line("common"), StartsWith("192.0.2.7 - alice [06/Nov/"));
  EXPECT_THAT(line("combined"), StartsWith("192.0.2.7 - alice [06/Nov/"));
  EXPECT_THAT(line("json"), HasSubstr("\"user\":\"alice\","));
  entry.user = "a b\"\n[c]";
  EXPECT_THAT(line("combined"), StartsWith("192.0.2.7 - a\\x20b\\x22\\x0a[c] [06/Nov/"));
  EXPECT_THAT(line("json"), HasSubstr("\"user\":\"a b\\\\x22\\\\x0a[c]\","));
  const std::string longer(100'000, 'u');
  entry.user = longer;
  EXPECT_LT(line("{user}").size(), 1100U);
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
              HasSubstr("\"a\\\\x22 200 \\\\x22b\\\\x5c\\\\x0a\\\\x1b[31m\\\\xff\",\"tls"));
}

TEST_F(AccessFormatTest, LongFieldsAreCut) {
  const std::string agent(100'000, 'x');
  entry.user_agent = agent;
  EXPECT_LT(line("combined").size(), 2000U);
}

TEST_F(AccessFormatTest, KeptEntryNeedsNothingOfTheFirst) {
  constexpr std::string_view AccessEntry::*texts[] = {
      &AccessEntry::remote_address, &AccessEntry::client_address, &AccessEntry::proxy_address,
      &AccessEntry::user,           &AccessEntry::request_line,   &AccessEntry::method,
      &AccessEntry::target,         &AccessEntry::host,           &AccessEntry::referer,
      &AccessEntry::user_agent,     &AccessEntry::request_id,     &AccessEntry::script,
      &AccessEntry::program,        &AccessEntry::diagnosis,      &AccessEntry::tls_protocol,
      &AccessEntry::tls_cipher};
  std::vector<std::string> storage(std::size(texts));
  for (std::size_t i = 0; i < storage.size(); ++i) {
    storage[i] = fmt::format("text number {}, too long for a string of its own", i);
    entry.*texts[i] = storage[i];
  }
  const auto first = line("json");
  const StoredEntry kept(entry);
  for (std::string& text : storage)
    text.assign(text.size(), '!');
  const StoredEntry moved = kept;
  entry = moved.entry();
  EXPECT_EQ(line("json").substr(40), first.substr(40));
}

TEST_F(AccessFormatTest, EveryFieldSaysWhatItIs) {
  for (const AccessField& field : access_fields())
    EXPECT_FALSE(field.about.empty()) << field.name;
}

}  // namespace
}  // namespace cgisrv::accesslog
