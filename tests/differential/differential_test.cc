// The request head, read by our parser, by llhttp alone and by Boost.Beast: every difference is one
// that differences.cc lists with a reason, and every one that it lists is there.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/text.h"
#include "differences.h"
#include "mutations.h"

namespace cgisrv::differential {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t mutations = 1'000'000;

struct Other {
  std::string_view name;
  Opinion (*ask)(std::string_view input);
  std::string_view Difference::*verdict;
};
constexpr std::array others = {Other{"llhttp", ask_llhttp, &Difference::llhttp},
                               Other{"Boost.Beast", ask_beast, &Difference::beast}};

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator(stream), {}};
}

// The fuzzers' heads. Those of connections begin with a byte that chooses limits, and bytes from
// 0x80 on are not sent.
std::vector<std::string> corpus() {
  std::vector<std::string> all;
  for (const std::string name : {"head", "connection"}) {
    for (const auto& entry :
         fs::directory_iterator(CGISRV_SOURCE_DIR "/tests/fuzz/corpus/" + name)) {
      auto head = read(entry.path());
      if (name == "connection") {
        head.erase(0, 1);
        std::erase_if(head, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
      }
      all.push_back(std::move(head));
    }
  }
  for (const auto& difference : differences())
    all.emplace_back(difference.example);
  std::ranges::sort(all);  // directories have no order
  return all;
}

bool is_listed(const Other& other, const Verdicts& verdicts, std::string_view head) {
  return std::ranges::any_of(differences(), [&](const Difference& row) {
    return row.ours == verdicts.ours && row.*other.verdict == verdicts.theirs &&
           (row.applies == nullptr || row.applies(head));
  });
}

// Differences that are not listed, and the shortest head that shows each.
class Unlisted {
 public:
  void add(std::string what, const std::string& head) {
    const auto [at, is_new] = found_.try_emplace(std::move(what), head);
    if (!is_new && head.size() < at->second.size()) at->second = head;
  }
  ~Unlisted() {
    for (const auto& [what, head] : found_)
      ADD_FAILURE() << what << "\n  " << text::escape(head);
  }

 private:
  std::map<std::string, std::string> found_;
};

TEST(Differential, WhateverDiffersIsListed) {
  const auto heads = corpus();
  Mutations more(heads);
  Unlisted unlisted;
  std::size_t accepted_by_all = 0;
  for (std::size_t i = 0; i < heads.size() + mutations; ++i) {
    const auto head = i < heads.size() ? heads[i] : more.next();
    const auto ours = ask_ours(head);
    std::size_t same = 0;
    for (const auto& other : others) {
      const auto verdicts = compare(ours, other.ask(head));
      same += verdicts.theirs.empty() ? 1 : 0;
      if (!verdicts.theirs.empty() && !is_listed(other, verdicts, head))
        unlisted.add(
            "cgisrv: " + verdicts.ours + "; " + std::string(other.name) + ": " + verdicts.theirs,
            head);
    }
    accepted_by_all += ours.accepted() && same == others.size() ? 1 : 0;
  }
  EXPECT_GT(accepted_by_all, mutations / 20);  // else the mutations tell nothing
  RecordProperty("accepted_by_all", static_cast<int>(accepted_by_all));
}

TEST(Differential, WhateverIsListedDiffers) {
  for (const auto& row : differences()) {
    const auto ours = ask_ours(row.example);
    for (const auto& other : others) {
      const auto verdicts = compare(ours, other.ask(row.example));
      EXPECT_EQ(verdicts.ours, row.ours) << text::escape(row.example);
      EXPECT_EQ(verdicts.theirs, row.*other.verdict)
          << other.name << " on " << text::escape(row.example);
    }
  }
}

// What a stricter reader would stop reaches a program only where an RFC asks for that.
TEST(Differential, WhatIsAcceptedAgainstAnotherRestsOnAnRfc) {
  for (const auto& row : differences()) {
    if (row.ours != accepts) continue;
    EXPECT_THAT(row.why, testing::StartsWith("RFC ")) << text::escape(row.example);
  }
}

// With CGISRV_UPDATE=1 in the environment the file is written instead.
TEST(Differential, PageIsWhatTheTableSays) {
  const std::string file = CGISRV_SOURCE_DIR "/docs/differences.md";
  if (std::getenv("CGISRV_UPDATE") != nullptr) std::ofstream(file) << differences_page();
  EXPECT_TRUE(read(file) == differences_page())
      << file << " is not up to date: run `CGISRV_UPDATE=1 differential_test` and commit it";
}

}  // namespace
}  // namespace cgisrv::differential
