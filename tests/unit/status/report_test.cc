#include "status/report.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "status/report_table.h"
#include "status/reporter.h"

namespace cgisrv::status {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

Report sample() {
  return {
      .server = {.pid = 4711,
                 .version = "0.1.0",
                 .state = "serving",
                 .uptime_seconds = 100,
                 .serves = "/srv/www",
                 .listeners = {"http://127.0.0.1:8888/"}},
      .workers = {{.index = 0, .pid = 4712, .state = "running", .connections = 3},
                  {.index = 1, .pid = 0, .state = "down", .restarts = 4}},
      .admission = {.running = 3, .waiting = 1, .limit = 512},
      .programs = {{.id = 1, .file = "/srv/www/cgi-bin/idle.cgi", .finished = 50, .cpu_seconds = 5},
                   {.id = 2,
                    .file = "/srv/www/cgi-bin/busy.cgi",
                    .running = 3,
                    .waiting = 1,
                    .refused = 7,
                    .finished = 1234,
                    .failed = 2,
                    .outcomes = {{"answered", 1232}, {"timeout", 2}},
                    .cold_starts = 1234,
                    .time_p50_seconds = 0.012,
                    .time_p99_seconds = 1.5,
                    .cpu_seconds = 50}}};
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> found;
  while (!text.empty())
    found.emplace_back(text::take_until(text, '\n'));
  return found;
}

std::string line_with(const std::string& text, std::string_view part) {
  for (std::string& line : lines(text))
    if (line.contains(part)) return std::move(line);
  return "none";
}

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> found;
  while (!line.empty())
    if (const auto word = text::take_until(line, ' '); !word.empty()) found.emplace_back(word);
  return found;
}

TEST(Report, SurvivesItsJson) {
  const std::string json = to_json(sample());
  EXPECT_THAT(json, Not(HasSubstr("\n")));
  const auto read = report_from_json(json);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(to_json(*read), json);
  EXPECT_EQ(read->programs[1].outcomes.at("timeout"), 2U);
}

TEST(Report, OfAnotherVersionIsReadAsFarAsItGoes) {
  const auto read = report_from_json(R"({"server":{"pid":7,"mood":"good"},"planets":[1,2]})");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->server.pid, 7);
  EXPECT_TRUE(read->workers.empty());
}

TEST(Report, FractionsThatFitNowhereAreTakenForNothing) {
  const auto report =
      report_from_json(R"({"admission": {"running": 1e300, "waiting": -0.5, "limit": 2.0},)"
                       R"( "programs": [{"id": 1e20}]})");
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->admission.running, 0U);
  EXPECT_EQ(report->admission.waiting, 0U);
  EXPECT_EQ(report->admission.limit, 2U);
  EXPECT_EQ(report->programs.at(0).id, 0U);
}

TEST(Report, WhatIsNoneIsAnError) {
  for (const char* const text : {"", "{", "[]", "7", R"({"server":7})", R"({"workers":[7]})"})
    EXPECT_FALSE(report_from_json(text)) << text;
}

TEST(Report, NamesThatAreNotUtf8MakeNoBadJson) {
  Report report;
  report.programs.push_back({.file = "/\xff\n\x1b\xc2\x9b.cgi"});
  const std::string json = to_json(report);
  for (const char c : json)
    ASSERT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  const auto read = report_from_json(json);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->programs[0].file, "/\xef\xbf\xbd\n\x1b\xc2\x9b.cgi");
}

TEST(ReportTable, WhatRunsComesFirstAndRatesAreOfTheInterval) {
  const Report now = sample();
  const std::string once = report_table(now, nullptr, {});
  EXPECT_LT(once.find("busy.cgi"), once.find("idle.cgi"));
  EXPECT_THAT(words(line_with(once, "busy.cgi")),
              ElementsAre("3", "1", "12.3", "50%", "12ms", "1.5s", "2", "7", "cgi-bin/busy.cgi"));
  EXPECT_THAT(once, HasSubstr("\nAll since the start\n"));
  Report before = now;
  before.server.uptime_seconds = 98;
  before.programs[1].finished = 1224;
  before.programs[1].cpu_seconds = 49;
  const std::string watched = report_table(now, &before, {});
  EXPECT_THAT(words(line_with(watched, "busy.cgi"))[2], "5.0");
  EXPECT_THAT(words(line_with(watched, "busy.cgi"))[3], "50%");
  EXPECT_THAT(words(line_with(watched, "idle.cgi"))[2], "0");
  EXPECT_THAT(watched, HasSubstr("REQ/S and CPU since 2.0 s ago"));
}

TEST(ReportTable, BadEndsAfterAnAnswerHaveAColumnWhereThereAreAny) {
  Report report = sample();
  EXPECT_THAT(report_table(report, nullptr, {}), Not(HasSubstr("BADEXIT")));
  report.programs[1].outcomes["bad-exit"] = 9;
  const auto shown = words(line_with(report_table(report, nullptr, {}), "busy.cgi"));
  EXPECT_EQ(shown.end()[-2], "9");
}

TEST(ReportTable, WarmStartsHaveAColumnWhereThereAreAny) {
  Report report = sample();
  EXPECT_THAT(report_table(report, nullptr, {}), Not(HasSubstr("WARM")));
  report.programs[1].warm_starts = 3 * 1234;
  const std::string table = report_table(report, nullptr, {});
  EXPECT_THAT(words(line_with(table, "REFUSED")), ::testing::Contains("WARM"));
  const auto column = [&](std::string_view name) {
    return words(line_with(table, name)).end()[-2];
  };
  EXPECT_EQ(column("busy.cgi"), "75%");
  EXPECT_EQ(column("idle.cgi"), "0%") << "none, warm or cold";
}

TEST(ReportTable, SaysHowTheServerIs) {
  const std::string text = report_table(sample(), nullptr, {});
  EXPECT_THAT(text, HasSubstr("cgisrv 0.1.0, pid 4711, up 1m 40s, serving /srv/www\n"));
  EXPECT_THAT(text, HasSubstr("http://127.0.0.1:8888/\n"));
  EXPECT_THAT(text, HasSubstr("1 of 2 workers running, 3 connections open"));
  EXPECT_THAT(text, HasSubstr("3 programs running of 512, 1 waiting\n"));
  EXPECT_THAT(words(line_with(text, "down")), ElementsAre("1", "0", "0", "0", "4", "0", "down"));
}

TEST(ReportTable, FitsTheScreen) {
  Report report = sample();
  report.programs[0].file.insert(0, "/a/long/way/down/the/tree/of/directories/of/this/machine");
  report.server.serves.append(100, 'x');
  for (const unsigned columns : {20U, 80U, 120U, 200U})
    EXPECT_THAT(lines(report_table(report, nullptr, {.columns = columns})),
                Each(SizeIs(::testing::Le(columns))))
        << columns;
  const std::string narrow = report_table(report, nullptr, {.columns = 80});
  EXPECT_THAT(line_with(narrow, "idle.cgi"), HasSubstr("..."));
  EXPECT_THAT(narrow, Not(HasSubstr("LIMIT")));
  EXPECT_THAT(report_table(report, nullptr, {.columns = 0}), HasSubstr(report.programs[0].file));
  EXPECT_THAT(lines(report_table(report, nullptr, {.columns = 80, .lines = 6})), SizeIs(6));
}

TEST(ReportTable, NamesAreShortOnlyBelowTheDirectoryThatIsServed) {
  Report report = sample();
  EXPECT_THAT(report_table(report, nullptr, {}), HasSubstr("  cgi-bin/busy.cgi\n"));
  report.programs[1].file = "/srv/www2/busy.cgi";
  EXPECT_THAT(report_table(report, nullptr, {}), HasSubstr("  /srv/www2/busy.cgi\n"));
  report.server.configured = true;
  EXPECT_THAT(report_table(report, nullptr, {}), HasSubstr("  /srv/www/cgi-bin/idle.cgi\n"));
}

TEST(ReportTable, NothingInANameDrivesTheTerminal) {
  Report report = sample();
  report.programs[0].file = "/\x1b[2J\n\x9b.cgi";
  report.server.serves = report.workers[0].state = "\x1b[31m";
  report.server.listeners = {"unix:/\x07"};
  for (const char c : report_table(report, nullptr, {.columns = 0}))
    ASSERT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << static_cast<int>(c);
}

TEST(ReportTable, OfAServerThatHasDoneNothing) {
  Report report = sample();
  report.programs.clear();
  EXPECT_THAT(report_table(report, nullptr, {}), HasSubstr("No program has been asked for yet."));
}

TEST(ServerState, IsThatOfItsWorkers) {
  const auto state = [](std::initializer_list<std::string_view> states) {
    std::vector<pool::WorkerStatus> workers;
    for (const auto one : states)
      workers.push_back({.state = one});
    return server_state(workers);
  };
  EXPECT_EQ(state({"starting", "starting"}), "starting");
  EXPECT_EQ(state({"running", "starting"}), "serving");
  EXPECT_EQ(state({"down", "running"}), "serving");
  EXPECT_EQ(state({"down", "draining"}), "finishing");
  EXPECT_EQ(state({"draining", "stopping"}), "stopping");
}

}  // namespace
}  // namespace cgisrv::status
