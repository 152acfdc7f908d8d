#include "account/account.h"

#include <gtest/gtest.h>

#include <memory>

#include "account/program_stats.h"

namespace cgisrv::account {
namespace {

using std::chrono::seconds;

class AccountTest : public testing::Test {
 protected:
  AccountTest() {
    exit.usage.ru_utime = {1, 500'000};
    exit.usage.ru_stime = {0, 250'000};
    exit.usage.ru_maxrss = 4000;
    account.belongs_to(stats);
  }
  void run(StartKind start = StartKind::cold) {
    account.usage.queue = account.usage.start = Duration(0);
    account.usage.began = Usage::Clock::now();
    account.usage.started = start;
  }
  void expect_final(int times) {
    EXPECT_EQ(is_final, times);
    EXPECT_EQ(stats->count(), static_cast<std::uint64_t>(times));
  }
  std::uint64_t count(Outcome outcome) const {
    return stats->by_outcome[static_cast<unsigned>(outcome)];
  }

  process::Exit exit;
  const std::shared_ptr<ProgramStats> stats = std::make_shared<ProgramStats>();
  Account account;
  int is_final = 0;
  void wait_for_usage() {
    account.when_final([this](const Usage&) { ++is_final; });
  }
};

TEST_F(AccountTest, SettledWhenBothTheRunAndTheProgramAreOver) {
  wait_for_usage();
  run();
  account.reaped(exit);
  expect_final(0);
  account.close(Outcome::answered);
  expect_final(1);
  EXPECT_EQ(count(Outcome::answered), 1U);
}

TEST_F(AccountTest, WaitingInVainIsWaiting) {
  wait_for_usage();
  account.usage.queue = seconds(1);
  account.close(Outcome::refused);
  expect_final(1);
  EXPECT_EQ(stats->queue.count(), 1U);
  EXPECT_EQ(stats->total.count(), 0U);
}

TEST_F(AccountTest, TheProgramMayEndLast) {
  wait_for_usage();
  run();
  account.close(Outcome::timeout);
  expect_final(0);
  EXPECT_FALSE(account.is_final());
  account.reaped(exit);
  expect_final(1);
  EXPECT_EQ(count(Outcome::timeout), 1U);
}

TEST_F(AccountTest, WhatNeverStartedIsSettledAtOnce) {
  wait_for_usage();
  account.close(Outcome::refused);
  expect_final(1);
  EXPECT_EQ(stats->total.count(), 0U);  // it says nothing of how long the program takes
  EXPECT_EQ(stats->failed(), 0U);       // nor is it the program's fault
  EXPECT_EQ(account.usage.started, StartKind::none);
  EXPECT_EQ(stats->cold_starts + stats->warm_starts, 0U);
}

TEST_F(AccountTest, ColdStartsAreCounted) {
  run(StartKind::cold);
  account.reaped(exit);
  account.close(Outcome::answered);
  EXPECT_EQ(stats->cold_starts, 1U);
  EXPECT_EQ(stats->warm_starts, 0U);
}

TEST_F(AccountTest, WarmStartsAreCountedOnTheirOwn) {
  run(StartKind::warm);
  account.reaped(exit);
  account.close(Outcome::answered);
  EXPECT_EQ(stats->cold_starts, 0U);
  EXPECT_EQ(stats->warm_starts, 1U);
}

TEST_F(AccountTest, WhatWorksOnIsNotWaitedForButItsTimeCounts) {
  wait_for_usage();
  run();
  account.usage.runs_on = true;
  account.close(Outcome::answered);
  expect_final(1);
  EXPECT_FALSE(account.usage.exit);
  account.reaped(exit);
  expect_final(1);
  EXPECT_EQ(stats->cpu_us, 1'750'000U);
}

TEST_F(AccountTest, TheFirstOutcomeCounts) {
  run();
  account.close(Outcome::bad_header);
  account.close(Outcome::client_left);
  account.reaped(exit);
  EXPECT_EQ(account.usage.outcome, Outcome::bad_header);
  EXPECT_EQ(stats->count(), 1U);
}

TEST_F(AccountTest, ClientsThatLeftAreNoFailuresOfTheProgram) {
  run();
  account.reaped(exit);
  account.close(Outcome::client_left);
  EXPECT_EQ(stats->failed(), 0U);
}

TEST_F(AccountTest, FiguresAddUp) {
  run();
  account.usage.bytes_in = 10;
  account.usage.bytes_out = 300;
  account.reaped(exit);
  account.close(Outcome::answered);
  EXPECT_EQ(stats->bytes_in, 10U);
  EXPECT_EQ(stats->bytes_out, 300U);
  EXPECT_EQ(stats->peak_rss_kib, 4000U);
  EXPECT_EQ(exit.processor_time(), std::chrono::milliseconds(1750));
  EXPECT_GE(account.usage.total, *account.usage.run);
}

TEST_F(AccountTest, EveryOutcomeHasAName) {
  for (unsigned i = 0; i < outcomes; ++i)
    EXPECT_FALSE(text(static_cast<Outcome>(i)).empty()) << i;
}

TEST_F(AccountTest, StartsAreNamedWhereThereWasOne) {
  EXPECT_EQ(text(StartKind::none), "");
  EXPECT_EQ(text(StartKind::cold), "cold");
  EXPECT_EQ(text(StartKind::warm), "warm");
}

}  // namespace
}  // namespace cgisrv::account
