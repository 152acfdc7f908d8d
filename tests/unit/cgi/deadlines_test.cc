#include "cgi/deadlines.h"

#include <gtest/gtest.h>

#include "../run_until.h"

namespace cgisrv::cgi {
namespace {

using std::chrono::milliseconds;

// ---- whom a run waits for ----------------------------------------------------------------------

// Fault 7.
TEST(Awaited, AsTheTableSays) {
  struct Case {
    const char* name;
    Progress progress;
    Awaited whom;
  };
  const Case cases[] = {
      {"just started", {}, Awaited::header},
      {"no room, but it has nothing for the client yet", {.has_room = false}, Awaited::header},
      {"it has all of the body that came", {.starved = true}, Awaited::body},
      {"its header is whole", {.in_head = false}, Awaited::output},
      {"the client takes nothing", {.in_head = false, .has_room = false}, Awaited::reader},
      {"the client sends and takes nothing",
       {.in_head = false, .starved = true, .has_room = false},
       Awaited::body},
      {"its output has ended", {.output_open = false, .in_head = false}, Awaited::exit},
      {"a body that is still to come does not keep its response",
       {.output_open = false, .in_head = false, .starved = true},
       Awaited::exit},
      {"it has ended, and more of its output than the client takes",
       {.exited = true, .in_head = false, .has_room = false, .unread = 1},
       Awaited::reader},
      {"it has ended, and its child keeps its output open",
       {.exited = true, .in_head = false},
       Awaited::drain},
      {"the client's slowness does not help that child",
       {.exited = true, .in_head = false, .has_room = false},
       Awaited::drain},
  };
  for (const Case& one : cases)
    EXPECT_EQ(awaited(one.progress), one.whom) << one.name;
}

// ---- and for how long --------------------------------------------------------------------------

class DeadlinesTest : public testing::Test {
 protected:
  void phase_due() { ++phases; }
  void total_due() { ++totals; }

  Loop loop;
  Options options;
  unsigned phases = 0, totals = 0;
  Deadlines deadlines{loop, options, Callback::of<&DeadlinesTest::phase_due>(*this),
                      Callback::of<&DeadlinesTest::total_due>(*this)};
};

// Fault 7.
TEST_F(DeadlinesTest, TheClientsTimeIsNotCounted) {
  options.header_timeout = options.idle_timeout = options.timeout = milliseconds(200);
  deadlines.start();
  for (const auto client : {Awaited::body, Awaited::reader}) {
    deadlines.await(client, false);
    const auto left = deadlines.left();
    run_for(loop, milliseconds(250));
    EXPECT_EQ(deadlines.left(), left);
  }
  EXPECT_EQ(phases, 0U);
  EXPECT_EQ(totals, 0U);
  deadlines.await(Awaited::output, true);
  EXPECT_TRUE(run_until(loop, [&] { return phases == 1 && totals == 1; }));
}

TEST_F(DeadlinesTest, WhatItUsedBeforeTheClientWasAwaitedIsCounted) {
  options.timeout = milliseconds(10'000);
  deadlines.start();
  run_for(loop, milliseconds(30));
  deadlines.await(Awaited::reader, true);
  EXPECT_LE(deadlines.left(), milliseconds(9'970));
  deadlines.await(Awaited::output, true);
  run_for(loop, milliseconds(30));
  EXPECT_LE(deadlines.left(), milliseconds(9'940));
}

TEST_F(DeadlinesTest, ProgressBeginsAStepAnewAndNotTheWhole) {
  options.header_timeout = milliseconds(60'000);
  options.idle_timeout = milliseconds(10'000);
  options.timeout = milliseconds(100);
  deadlines.start();
  deadlines.await(Awaited::output, true);
  EXPECT_TRUE(run_until(loop, [&] {
    deadlines.await(Awaited::output, true);
    return totals == 1;
  }));
  EXPECT_EQ(phases, 0U);
  EXPECT_EQ(deadlines.left(), milliseconds(0));
}

TEST_F(DeadlinesTest, AChildThatWritesOnDoesNotProlongTheDrain) {
  deadlines.start();
  deadlines.await(Awaited::drain, true);
  EXPECT_TRUE(run_until(loop, [&] {
    deadlines.await(Awaited::drain, true);
    return phases == 1;
  }));
}

TEST_F(DeadlinesTest, UnlimitedIsNeverOver) {
  options.header_timeout = options.idle_timeout = options.timeout = Options::Duration::max();
  deadlines.start();
  deadlines.await(Awaited::reader, true);
  deadlines.await(Awaited::output, true);
  run_for(loop, milliseconds(10));
  EXPECT_EQ(deadlines.left(), Options::Duration::max());
  EXPECT_EQ(phases + totals, 0U);
}

}  // namespace
}  // namespace cgisrv::cgi
