#include "auth/verdict_cache.h"

#include <gtest/gtest.h>

#include <set>

namespace cgisrv::auth {
namespace {

using std::chrono::seconds;

const TimePoint start{std::chrono::hours(1)};
const VerdictCache::Basis basis{{.inode = 1}, {.inode = 2}};

TEST(VerdictCache, RemembersForItsLifetime) {
  VerdictCache cache(seconds(300));
  const Digest key = cache.key_of(1, 7, "alice", "secret");
  EXPECT_FALSE(cache.find(key, basis, start));
  cache.keep(key, Verdict::right, basis, start);
  EXPECT_EQ(cache.find(key, basis, start + seconds(299)), Verdict::right);
  EXPECT_FALSE(cache.find(key, basis, start + seconds(300)));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(VerdictCache, TellsPairsAndRulesApart) {
  const VerdictCache cache(seconds(300));
  const std::set<Digest> keys = {
      cache.key_of(1, 7, "alice", "secret"),  cache.key_of(2, 7, "alice", "secret"),
      cache.key_of(1, 7, "alices", "ecret"),  cache.key_of(1, 7, "alice", "secreT"),
      cache.key_of(12, 7, "alice", "secret"), cache.key_of(1, 27, "alice", "secret")};
  EXPECT_EQ(keys.size(), 6U);
}

TEST(VerdictCache, HasAKeyOfItsOwn) {
  const VerdictCache cache(seconds(300));
  const VerdictCache another(seconds(300));
  EXPECT_NE(cache.key_of(1, 7, "alice", "secret"), another.key_of(1, 7, "alice", "secret"));
  EXPECT_EQ(cache.key_of(1, 7, "alice", "secret"), cache.key_of(1, 7, "alice", "secret"));
}

TEST(VerdictCache, ForgetsWhenAFileHasChanged) {
  VerdictCache cache(seconds(300));
  const Digest key = cache.key_of(1, 7, "alice", "secret");
  cache.keep(key, Verdict::right, basis, start);
  auto changed = basis;
  changed.groups.modified_ns = 5;
  EXPECT_FALSE(cache.find(key, changed, start));
  EXPECT_FALSE(cache.find(key, basis, start));
}

TEST(VerdictCache, IsBounded) {
  VerdictCache cache(seconds(300), 3);
  const auto key = [&](int i) { return cache.key_of(1, 7, "alice", std::to_string(i)); };
  for (int i = 0; i < 3; ++i)
    cache.keep(key(i), Verdict::right, basis, start);
  EXPECT_TRUE(cache.find(key(0), basis, start));
  cache.keep(key(3), Verdict::unlisted, basis, start);
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_TRUE(cache.find(key(0), basis, start));
  EXPECT_FALSE(cache.find(key(1), basis, start));
  EXPECT_EQ(cache.find(key(3), basis, start), Verdict::unlisted);
  cache.keep(key(3), Verdict::right, basis, start);
  EXPECT_EQ(cache.size(), 3U);
}

TEST(VerdictCache, CanBeOff) {
  VerdictCache cache(seconds(0));
  cache.keep(cache.key_of(1, 7, "a", "b"), Verdict::right, basis, start);
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace cgisrv::auth
