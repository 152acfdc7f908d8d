#include "config/parameters.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "config/reference.h"

namespace cgisrv::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Calls `visit` for every row that has a key.
void for_each_row(auto visit) {
  for (const Section* section : sections()) {
    for (const Parameter& row : section->parameters) {
      if (!row.key.empty()) visit(*section, row);
    }
  }
}

TEST(Parameters, HaveWhatTheReferenceShows) {
  for_each_row([](const Section& section, const Parameter& row) {
    SCOPED_TRACE(std::string(section.name) + " " + std::string(row.key));
    EXPECT_FALSE(row.kind.type.empty());
    EXPECT_FALSE(row.kind.expectation.empty());
    const bool is_section = row.kind.inside != nullptr;
    EXPECT_EQ(row.kind.type == "table" || row.kind.type == "tables",
              is_section && row.kind.type != "table, or false");
    EXPECT_TRUE(row.about.ends_with('.')) << "a sentence";
    EXPECT_EQ(row.about.find('|'), std::string_view::npos) << "would end a column";
    EXPECT_NE(row.default_text(), "``") << "no default to show";
  });
}

TEST(Parameters, HaveEveryKeyOnceInASection) {
  for (const Section* section : sections()) {
    const auto all = section->keys();
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

TEST(Parameters, AreWordsOfTheFuzzer) {
  std::ifstream stream(CGISRV_SOURCE_DIR "/tests/fuzz/dictionary/config.dict");
  const std::set<std::string> words{std::istream_iterator<std::string>(stream), {}};
  for_each_row([&](const Section&, const Parameter& row) {
    EXPECT_TRUE(words.contains(fmt::format("\"{}\"", row.key))) << row.key;
  });
}

TEST(Reference, ListsTheFieldsOfTheAccessLog) {
  EXPECT_THAT(reference_page(), HasSubstr("| `peak_rss_kib` | "));
}

// With CGISRV_UPDATE=1 in the environment the file is written instead. `command` makes it, too.
void expect_up_to_date(const std::string& name, const std::string& text, std::string_view command) {
  const std::string file = CGISRV_SOURCE_DIR "/" + name;
  if (std::getenv("CGISRV_UPDATE") != nullptr) std::ofstream(file) << text;
  std::ifstream stream(file);
  const std::string found{std::istreambuf_iterator(stream), {}};
  EXPECT_TRUE(found == text) << file
                             << " is not up to date: run `CGISRV_UPDATE=1 config_test`, or `"
                             << command << " > " << name << "`, and commit it";
}

TEST(Reference, IsWhatTheTableSays) {
  expect_up_to_date("docs/reference.md", reference_page(), "cgisrv reference");
}

// Fault 2c: so that a cross build need not run what it has built.
TEST(Manual, IsWhatTheTableSays) {
  expect_up_to_date("packaging/man/cgisrv.toml.5.scd", reference_manual(),
                    "cgisrv reference --scdoc");
}

TEST(Manual, HasEveryKeyOfEverySection) {
  const std::string manual = reference_manual();
  for (const Section* section : sections()) {
    const auto begin = manual.find(fmt::format("\n# {}\n", section->name));
    ASSERT_NE(begin, std::string::npos) << section->name;
    const auto text = manual.substr(begin, manual.find("\n# ", begin + 1) - begin);
    for (const Parameter& row : section->parameters) {
      if (row.key.empty()) continue;
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
}  // namespace cgisrv::config
