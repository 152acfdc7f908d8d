#include "server/parameters.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "server/suggest.h"
#include "server/units.h"

namespace cgisrv::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Units, AreParsed) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("512"), 512);
  EXPECT_EQ(parse_size("16k"), 16384);
  EXPECT_EQ(parse_size("10M"), 10485760);
  EXPECT_EQ(parse_size("1g"), 1073741824);
  EXPECT_EQ(parse_duration("500ms"), 500);
  EXPECT_EQ(parse_duration("10s"), 10'000);
  EXPECT_EQ(parse_duration("5m"), 300'000);
  EXPECT_EQ(parse_duration("1h"), 3'600'000);
  EXPECT_EQ(parse_duration("2d"), 172'800'000);
}

TEST(Units, AreNotGuessed) {
  for (const auto* text : {"", "k", "-1", "+1", "1 k", " 1", "1kb", "1.5m", "1s",
                           "18446744073709551616", "18014398509481984k"})
    EXPECT_FALSE(parse_size(text)) << text;
  for (const auto* text : {"", "10", "s", "-1s", "1 s", "1sec", "1.5s", "99999999999999999999s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Units, AreFormattedExactly) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(1536 * 1024), "1536k");
  EXPECT_EQ(format_size(2048ULL << 20), "2g");
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(1500), "1500ms");
  EXPECT_EQ(format_duration(90'000), "90s");
  EXPECT_EQ(format_duration(86'400'000), "1d");
}

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("workers", "workers"), 0);
  EXPECT_EQ(edit_distance("wokers", "workers"), 1);
  EXPECT_EQ(edit_distance("wrokers", "workers"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(Suggest, OffersOnlyWhatIsNear) {
  constexpr std::string_view words[] = {"user", "group", "workers", "worker_events"};
  EXPECT_EQ(nearest("wokers", words), "workers");
  EXPECT_EQ(nearest("worker_event", words), "worker_events");
  EXPECT_EQ(nearest("usr", words), "user");
  EXPECT_EQ(nearest("root", words), std::nullopt);
  EXPECT_EQ(nearest("", words), std::nullopt);
}

// Calls `visit` for every row that has a key.
void for_each_row(auto visit) {
  for (const Section* section : sections()) {
    for (const Parameter& row : section->parameters) {
      if (row.type != Type::merged) visit(*section, row);
    }
  }
}

TEST(Parameters, HaveWhatTheirTypeNeeds) {
  for_each_row([](const Section& section, const Parameter& row) {
    SCOPED_TRACE(std::string(section.name) + " " + std::string(row.key));
    const bool number =
        row.type == Type::integer || row.type == Type::size || row.type == Type::duration;
    EXPECT_EQ(number, row.range.max > row.range.min);
    EXPECT_EQ(row.type == Type::integer, !row.unit.empty());
    EXPECT_EQ(row.type == Type::table || row.type == Type::tables, row.inside != nullptr);
    EXPECT_TRUE(row.about.ends_with('.')) << "a sentence";
    EXPECT_EQ(row.about.find('|'), std::string_view::npos) << "would end a column";
    EXPECT_TRUE(row.required || !row.unset.empty() || !value_text(row, section.defaults()).empty())
        << "no default to show";
    EXPECT_TRUE(row.type != Type::choice || !row.choices.empty());
  });
}

TEST(Parameters, HaveEveryKeyOnceInASection) {
  for (const Section* section : sections()) {
    const auto all = keys(*section);
    EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size()) << section->name;
  }
}

TEST(Parameters, KnowWhereAKeyBelongs) {
  EXPECT_THAT(sections_with("workers"), ElementsAre("[server]"));
  EXPECT_THAT(sections_with("body_size"), ElementsAre("[limits]", "[[site.location]]"));
  EXPECT_THAT(sections_with("grace"), ElementsAre("[cgi]", "[[site.location]]"));
  EXPECT_THAT(sections_with("start"), ElementsAre("[cgi]", "[[site.location]]"));
  EXPECT_THAT(sections_with("no_such_key"), ElementsAre());
}

// With CGISRV_UPDATE=1 in the environment the file is written instead.
TEST(Reference, IsWhatTheTableSays) {
  const std::string file = CGISRV_SOURCE_DIR "/docs/reference.md";
  if (std::getenv("CGISRV_UPDATE") != nullptr) std::ofstream(file) << reference_page();
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator(stream), {}};
  EXPECT_TRUE(text == reference_page())
      << file << " is not up to date: run `CGISRV_UPDATE=1 server_test`, or "
      << "`cgisrv reference > docs/reference.md`, and commit it";
}

TEST(Manual, HasEveryKeyOfEverySection) {
  const std::string manual = reference_manual();
  for (const Section* section : sections()) {
    const auto begin = manual.find(fmt::format("\n# {}\n", section->name));
    ASSERT_NE(begin, std::string::npos) << section->name;
    const auto text = manual.substr(begin, manual.find("\n# ", begin + 1) - begin);
    for (const Parameter& row : section->parameters) {
      if (row.type == Type::merged) continue;
      std::string key(row.key);
      for (std::size_t at = 0; (at = key.find('_', at)) != std::string::npos; at += 2)
        key.insert(at, "\\");
      EXPECT_THAT(text, HasSubstr(fmt::format("\n*{}* (", key)));
    }
  }
}

TEST(Manual, HasWhatIsCodeInBold) {
  EXPECT_THAT(reference_manual(),
              HasSubstr("\n*workers* (whole number: 1 to 256 processes, \"auto\"; "
                        "default: *\"auto\"*)\n\tHow many"));
  EXPECT_THAT(reference_manual(), HasSubstr("see *\\[server.pressure\\]*."));
}

}  // namespace
}  // namespace cgisrv::server
