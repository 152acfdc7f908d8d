// The master's part of max_running = "auto", with a kernel that says what the test wants.
#include "admission/limit_monitor.h"

#include <gmock/gmock.h>

#include <map>
#include <vector>

namespace cgisrv::admission {
namespace {

TEST(ReadRunnable, TheFourthFigure) {
  EXPECT_EQ(read_runnable("0.20 0.18 0.12 3/80 11206\n"), 3U);
  EXPECT_EQ(read_runnable("0.00 0.00 0.00 1/1 1"), 1U);
  for (const auto text : {"", "0.20", "0.20 0.18 0.12", "0.20 0.18 0.12 ", "0.20 0.18 0.12 x/80",
                          "0.20 0.18 0.12 3", "0.20 0.18 0.12 3 80"})
    EXPECT_FALSE(read_runnable(text)) << text;
}

struct Monitoring : testing::Test {
  Monitoring() { table.give(program, {.first = 1ULL << 40, .second = 1}); }

  void send(const Message& message) {
    scheduler.on_message(0, message);
    monitor.on_message(message);
  }
  void ask(unsigned count, const Limits& limits) {
    for (unsigned i = 0; i < count; ++i)
      send({.kind = Message::Kind::ask, .request = ++asked, .program = program, .limits = limits});
  }
  ProgramRow& row() { return table.row(program); }

  static constexpr std::uint32_t program = 7;
  Loop loop;
  Table table;
  std::vector<Message> grants;
  unsigned refused = 0;
  std::uint32_t asked = 0;
  bool active = false;
  unsigned runnable = 1;
  AdmissionScheduler scheduler{table, 1000, [this](unsigned, const Message& message) {
                                 if (message.kind == Message::Kind::grant) {
                                   grants.push_back(message);
                                   row().pids[message.permit] = 1000;
                                 } else {
                                   ++refused;
                                 }
                                 return true;
                               }};
  LimitMonitor monitor{loop,
                       table,
                       scheduler,
                       {[this](pid_t) { return std::optional(active); },
                        [this] { return std::optional(runnable); }}};
  const Limits automatic{.max_running = 64, .automatic = true};
};

TEST_F(Monitoring, AnUnknownProgramBeginsWithOneMoreThanThereAreProcessors) {
  ask(40, automatic);
  EXPECT_EQ(grants.size(), table.start_limit());
  EXPECT_EQ(row().permits.taken(), table.processors() + 1);
}

TEST_F(Monitoring, WhatIsAsleepMakesRoomForTheOthersWithinAFewSteps) {
  ask(60, automatic);
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(monitor.step());
  EXPECT_EQ(grants.size(), 60U);
  EXPECT_EQ(table.limit_of(row(), automatic), 64U);
  EXPECT_EQ(row().reason, LimitReason::max);
  EXPECT_EQ(row().demand, 0U);
}

TEST_F(Monitoring, WhatComputesStaysWithFew) {
  active = true;
  runnable = 10;
  ask(60, automatic);
  for (int i = 0; i < 20; ++i)
    monitor.step();
  EXPECT_LE(table.limit_of(row(), automatic), table.start_limit());
  EXPECT_EQ(grants.size(), table.start_limit());
  EXPECT_EQ(row().demand, 1000U);
  EXPECT_EQ(row().reason, LimitReason::busy);
}

TEST_F(Monitoring, AFixedLimitIsLeftAlone) {
  ask(20, {.max_running = 10});
  EXPECT_FALSE(monitor.step());
  EXPECT_EQ(grants.size(), 10U);
  EXPECT_EQ(row().found, 0U);
}

TEST_F(Monitoring, WhoIsRefusedCountsAsOneThatWaits) {
  Limits none_wait = automatic;
  none_wait.queue_size = 0;
  for (int i = 0; i < 10; ++i) {
    ask(100, none_wait);
    row().refused += refused;
    refused = 0;
    monitor.step();
  }
  EXPECT_EQ(row().permits.taken(), 64U);
}

// Workers took these permits without asking anybody.
TEST_F(Monitoring, IsToldOfACrowdAndLetsNoMoreOfItRun) {
  active = true;
  row().found = 64;
  for (unsigned i = 0; i < 40; ++i)
    row().pids[*row().permits.take(0, 64)] = 1000;
  send({.kind = Message::Kind::crowd, .program = program, .limits = automatic});
  for (int i = 0; i < 20; ++i)
    monitor.step();
  EXPECT_LE(table.limit_of(row(), automatic), table.start_limit());
  EXPECT_FALSE(row().permits.take(0, table.limit_of(row(), automatic)));
}

TEST_F(Monitoring, StopsLookingWhenNothingRuns) {
  ask(40, automatic);
  monitor.step();
  EXPECT_TRUE(row().watched);
  for (std::uint32_t request = 1; request <= asked; ++request)
    send({.kind = Message::Kind::leave, .request = request, .program = program});
  for (const Message& grant : grants) {
    row().permits.give_back(grant.permit);
    table.total().give_back(grant.total);
  }
  unsigned steps = 0;
  while (monitor.step())
    ASSERT_LT(++steps, 1000U);
  EXPECT_GT(steps, AutoLimit::unused_steps / 2);
  EXPECT_FALSE(row().watched);
  EXPECT_EQ(table.limit_of(row(), automatic), table.start_limit());
}

TEST_F(Monitoring, ForgetsARowThatHasGotAnotherProgram) {
  ask(1, automatic);
  row().permits.give_back(grants[0].permit);
  ASSERT_TRUE(table.take_back(program));
  EXPECT_FALSE(monitor.step());
  EXPECT_EQ(row().found, 0U);
}

}  // namespace
}  // namespace cgisrv::admission
