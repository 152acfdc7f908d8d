// Rows: found again, and given to others when nobody needs them.
#include "admission/registry.h"

#include <gmock/gmock.h>

#include <string>

namespace cgisrv::admission {
namespace {

using std::chrono::milliseconds;

class RegistryTest : public testing::Test {
 protected:
  ProgramKey key(unsigned number) const { return table.key(1, "/srv/" + std::to_string(number)); }
  // Each later than the one before, so that the first has been idle for longest.
  unsigned open(unsigned number) {
    const auto row = registry.open(key(number));
    if (!row) return programs_max;
    table.use(0, *row, milliseconds(1000 + number));
    table.leave(0, *row);
    return *row;
  }
  void fill() {
    for (unsigned i = 0; i < programs_max; ++i)
      ASSERT_LT(open(i), programs_max);
  }

  Table table;
  Registry registry{table};
};

TEST_F(RegistryTest, OneRowForEachProgramAndLocation) {
  const auto row = registry.open(table.key(1, "/a.cgi"));
  ASSERT_TRUE(row);
  EXPECT_EQ(registry.open(table.key(1, "/a.cgi")), row);
  EXPECT_NE(registry.open(table.key(2, "/a.cgi")), row);
  EXPECT_NE(registry.open(table.key(1, "/b.cgi")), row);
  EXPECT_EQ(table.find(table.key(1, "/a.cgi")), row);
  EXPECT_FALSE(table.find(table.key(1, "/c.cgi")));
}

// Fault 29.
TEST_F(RegistryTest, AnyNumberOfProgramsHaveRowsOfTheirOwn) {
  fill();
  const unsigned first = *table.find(key(0));
  table.row(first).stats.bytes_in = 5;
  table.row(first).refused = 3;
  const unsigned row = open(programs_max);
  ASSERT_LT(row, programs_max);
  EXPECT_EQ(table.find(key(programs_max)), row);
  EXPECT_FALSE(table.find(key(0))) << "it has been idle for longest";
  EXPECT_EQ(table.row(first).stats.bytes_in, 0U) << "what it has cost is nobody else's";
  EXPECT_EQ(table.row(first).refused, 0U);
  EXPECT_TRUE(table.find(key(programs_max - 1))) << "it was used only just now";
  for (unsigned i = 0; i < 3 * programs_max; ++i)
    ASSERT_LT(open(i), programs_max);
}

// Fault 29.
TEST_F(RegistryTest, WhatIsInUseKeepsItsRow) {
  fill();
  const unsigned used = *table.find(key(0));
  const unsigned running = *table.find(key(1));
  const unsigned waited_for = *table.find(key(2));
  const unsigned warm = *table.find(key(3));
  table.use(7, used, milliseconds(0));
  ASSERT_TRUE(table.row(running).permits.take(7, 5));
  table.row(waited_for).waiting = 1;
  table.count_zygotes_of(1);
  table.count_zygotes(1, key(3), 2);
  for (unsigned i = 0; i < 2 * programs_max; ++i)
    ASSERT_LT(open(programs_max + i), programs_max);
  EXPECT_EQ(table.find(key(0)), used);
  EXPECT_EQ(table.find(key(1)), running);
  EXPECT_EQ(table.find(key(2)), waited_for);
  EXPECT_EQ(table.find(key(3)), warm);
  EXPECT_FALSE(table.find(key(4)));
}

// Fault 29.
TEST_F(RegistryTest, NoneIsSharedWhenAllAreInUse) {
  fill();
  for (unsigned i = 0; i < programs_max; ++i)
    table.use(i % 2, i, milliseconds(1));
  EXPECT_EQ(open(programs_max), programs_max);
  EXPECT_LT(open(5), programs_max) << "it has one";
  table.leave_all(1);  // that worker has died
  EXPECT_LT(open(programs_max), programs_max);
}

TEST_F(RegistryTest, AWorkerThatComesTooLateSeesThatTheRowIsNoLongerItsPrograms) {
  const unsigned row = open(1);
  ASSERT_TRUE(table.take_back(row));
  table.use(0, row, milliseconds(1));
  EXPECT_FALSE(table.has(row, key(1)));
  EXPECT_FALSE(table.take_back(row)) << "somebody looks at it";
}

// Some programs are near each other in the index by chance: then the master has to be asked.
TEST_F(RegistryTest, TheIndexIsAHelpAndNoMore) {
  std::vector<unsigned> rows;
  for (std::uint64_t i = 1; i <= 20; ++i)
    rows.push_back(*registry.open({.first = 17, .second = i}));
  for (std::uint64_t i = 1; i <= 20; ++i) {
    EXPECT_EQ(registry.open({.first = 17, .second = i}), rows[i - 1]);
    EXPECT_EQ(table.find({.first = 17, .second = i}), rows[i - 1]) << "it was asked for just now";
  }
}

TEST_F(RegistryTest, ZygotesAreCountedForTheGenerationThatHasThem) {
  const unsigned row = open(1);
  table.count_zygotes_of(1);
  table.count_zygotes(1, key(1), 2);
  table.count_zygotes(1, key(2), 2);  // has no row
  table.count_zygotes(9, key(1), 3);
  EXPECT_EQ(table.row(row).zygotes, 2U);
  table.forget_zygotes(9);
  EXPECT_EQ(table.row(row).zygotes, 2U);
  table.count_zygotes_of(2);
  EXPECT_EQ(table.row(row).zygotes, 0U);
}

}  // namespace
}  // namespace cgisrv::admission
