// The order of locations, against a plain reading of the guide's list.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "config/value_check.h"
#include "site/router.h"

namespace cgisrv::site {
namespace {

using config::Location;
using config::MatchKind;

// Whether the segment that ends at `end` has the ending, and is no dotfile.
bool has(const std::string& path, std::size_t end, const std::string& ending) {
  const std::string segment = path.substr(0, end).substr(path.rfind('/', end - 1) + 1);
  return segment.size() > ending.size() && segment.ends_with(ending);
}

bool says_what_answers(const Location& location) {
  return location.program != config::ProgramKind::none || location.files_only ||
         location.deny != config::Deny::no;
}

// The guide's list, read from the top. `sorted`: longer endings first. Null: none.
const Location* first_in_the_list(const std::vector<const Location*>& sorted,
                                  const std::string& path) {
  const auto find = [&](auto fits) {
    const auto found = std::ranges::find_if(sorted, fits);
    return found == sorted.end() ? nullptr : *found;
  };
  const auto at_an_end = [&](std::size_t begin, MatchKind kind, const auto& ending_of) {
    for (std::size_t end = begin; end <= path.size(); ++end)
      if (end == path.size() || path[end] == '/')
        if (const auto* found = find([&](const Location* each) {
              return each->match.kind == kind &&
                     path.starts_with(begin == 1 ? "/" : each->match.text) &&
                     (begin == 1 || each->match.text.size() == begin) &&
                     has(path, end, ending_of(*each));
            }))
          return found;
    return static_cast<const Location*>(nullptr);
  };
  const auto prefix = [&](std::size_t size, bool decides) {
    return find([&](const Location* each) {
      return each->match.kind == MatchKind::prefix && path.substr(0, size) == each->match.text &&
             says_what_answers(*each) == decides;
    });
  };
  if (const auto* exact = find([&](const Location* each) {
        return each->match.kind == MatchKind::exact && each->match.text == path;
      }))
    return exact;
  for (std::size_t size = path.size(); size > 0; --size) {
    if (const auto* found = at_an_end(size, MatchKind::prefix_ending,
                                      [](const Location& each) { return each.match.ending; });
        found != nullptr && size > 1)
      return found;
    if (const auto* found = prefix(size, true)) return found;
  }
  if (const auto* found =
          at_an_end(1, MatchKind::extension, [](const Location& each) { return each.match.text; }))
    return found;
  for (std::size_t size = path.size(); size > 0; --size)
    if (const auto* found = prefix(size, false)) return found;
  return nullptr;
}

class LocationOrder : public testing::Test {
 protected:
  template <std::size_t N>
  const char* any(const char* const (&words)[N]) {
    return words[random_() % N];
  }
  std::string a_folder() {
    std::string folder = "/";
    for (auto depth = random_() % 3; depth > 0; --depth)
      folder.append(any({"a", "b", "a.x", "b.y.x"})).append("/");
    return folder;
  }
  std::string a_path() { return a_folder() + any({"", "a", "a.x", "b.y", "b.y.x", ".x", "c.z"}); }
  config::Match a_match() {
    switch (random_() % 4) {
      case 0:
        return {MatchKind::exact, a_path()};
      case 1:
        return {MatchKind::prefix, a_folder()};
      case 2:
        return {MatchKind::extension, any({".x", ".y.x", ".y", ".z"})};
      default:
        return {MatchKind::prefix_ending, "/a" + a_folder(), any({".x", ".y.x", ".y"})};
    }
  }
  Location a_location() {
    Location location{.match = a_match()};
    switch (random_() % 4) {
      case 0:
        location.program = config::ProgramKind::in_place;
        break;
      case 1:
        location.files_only = true;
        break;
      default:
        break;
    }
    return location;
  }
  // As a configuration: no match stands there twice.
  config::Site a_site() {
    config::Site site;
    for (auto count = random_() % 9; count > 0; --count) {
      Location made = a_location();
      const auto is_same = [&](const Location& each) {
        return config::format_match(each.match) == config::format_match(made.match);
      };
      if (std::ranges::none_of(site.locations, is_same)) site.locations.push_back(std::move(made));
    }
    return site;
  }

  std::mt19937 random_{20};
};

TEST_F(LocationOrder, IsTheListOfTheGuide) {
  for (int turn = 0; turn < 20'000; ++turn) {
    const config::Site site = a_site();
    std::vector<const Location*> sorted;
    for (const Location& each : site.locations)
      sorted.push_back(&each);
    std::ranges::stable_sort(sorted, std::greater(), [](const Location* each) {
      return each->match.kind == MatchKind::extension ? each->match.text.size()
                                                      : each->match.ending.size();
    });
    const std::string path = a_path();
    const Location* expected = first_in_the_list(sorted, path);
    const Route found = find_route(site, {path, path.size()});
    ASSERT_EQ(&found.location, expected == nullptr ? &site.fallback : expected)
        << path << " is answered by " << config::format_match(found.location.match) << ", not by "
        << (expected == nullptr ? "the site" : config::format_match(expected->match));
  }
}

TEST_F(LocationOrder, OfTheFileMeansNothing) {
  for (int turn = 0; turn < 5'000; ++turn) {
    config::Site site = a_site();
    const std::string path = a_path();
    const auto winner = [&] {
      return config::format_match(find_route(site, {path, path.size()}).location.match);
    };
    const std::string first = winner();
    std::ranges::shuffle(site.locations, random_);
    ASSERT_EQ(winner(), first) << path;
  }
}

TEST_F(LocationOrder, TheFirstCandidateIsTheRoute) {
  for (int turn = 0; turn < 5'000; ++turn) {
    const config::Site site = a_site();
    const std::string path = a_path();
    const Route route = find_route(site, {path, path.size()});
    const auto candidates = find_candidates(site, {path, path.size()});
    if (candidates.empty()) {
      ASSERT_EQ(&route.location, &site.fallback) << path;
    } else {
      ASSERT_EQ(&route.location, candidates.front().location) << path;
      ASSERT_EQ(route.matched, candidates.front().matched) << path;
    }
  }
}

}  // namespace
}  // namespace cgisrv::site
