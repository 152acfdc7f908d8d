#include "account/account.h"

#include <gtest/gtest.h>

#include <memory>

#include "account/figures.h"

namespace cgisrv::account {
namespace {

using std::chrono::seconds;

class AccountTest : public testing::Test {
 protected:
  AccountTest() {
    exit.usage.ru_utime = {1, 500'000};
    exit.usage.ru_stime = {0, 250'000};
    exit.usage.ru_maxrss = 4000;
    account.belongs_to(*figures);
  }
  void run(Start start = Start::cold, std::string_view why = {}) {
    account.asks();
    account.waited();
    account.started(start, why);
  }
  void expect_settled(int times) {
    EXPECT_EQ(settled, times);
    EXPECT_EQ(figures->count(), static_cast<std::uint64_t>(times));
  }
  std::uint64_t count(Outcome outcome) const {
    return figures->by_outcome[static_cast<unsigned>(outcome)];
  }

  process::Exit exit;
  const std::unique_ptr<Figures> figures = std::make_unique<Figures>();
  Account account;
  int settled = 0;
  void charge() {
    account.when_settled([this](const Costs&) { ++settled; });
  }
};

TEST_F(AccountTest, SettledWhenBothTheRunAndTheProgramAreOver) {
  charge();
  run();
  account.reaped(exit);
  expect_settled(0);
  account.close(Outcome::answered);
  expect_settled(1);
  EXPECT_EQ(count(Outcome::answered), 1U);
}

TEST_F(AccountTest, WaitingInVainIsWaiting) {
  charge();
  account.asks();
  account.waited();
  account.close(Outcome::refused);
  expect_settled(1);
  EXPECT_TRUE(account.costs().queue);
  EXPECT_EQ(figures->queue.count(), 1U);
  EXPECT_EQ(figures->total.count(), 0U);
}

TEST_F(AccountTest, TheProgramMayEndLast) {
  charge();
  run();
  account.close(Outcome::timeout);
  expect_settled(0);
  EXPECT_FALSE(account.settled());
  account.reaped(exit);
  expect_settled(1);
  EXPECT_EQ(count(Outcome::timeout), 1U);
}

TEST_F(AccountTest, WhatNeverStartedIsSettledAtOnce) {
  charge();
  account.asks();
  account.close(Outcome::refused);
  expect_settled(1);
  EXPECT_EQ(figures->total.count(), 0U);  // it says nothing of how long the program takes
  EXPECT_EQ(figures->failed(), 0U);       // nor is it the program's fault
  EXPECT_EQ(account.costs().started, Start::none);
  EXPECT_EQ(figures->cold_starts + figures->warm_starts, 0U);
}

TEST_F(AccountTest, ColdStartsHaveTheirReason) {
  run(Start::cold, "booting");
  account.reaped(exit);
  account.close(Outcome::answered);
  EXPECT_EQ(account.costs().started, Start::cold);
  EXPECT_EQ(account.costs().cold_reason, "booting");
  EXPECT_EQ(figures->cold_starts, 1U);
  EXPECT_EQ(figures->warm_starts, 0U);
}

TEST_F(AccountTest, WarmStartsAreCountedOnTheirOwn) {
  run(Start::warm);
  account.reaped(exit);
  account.close(Outcome::answered);
  EXPECT_EQ(account.costs().started, Start::warm);
  EXPECT_EQ(account.costs().cold_reason, "");
  EXPECT_EQ(figures->cold_starts, 0U);
  EXPECT_EQ(figures->warm_starts, 1U);
}

TEST_F(AccountTest, WhatWorksOnIsNotWaitedForButItsTimeCounts) {
  charge();
  run();
  account.let_go();
  account.close(Outcome::answered);
  expect_settled(1);
  EXPECT_FALSE(account.costs().exit);
  account.reaped(exit);
  expect_settled(1);
  EXPECT_EQ(figures->cpu_us, 1'750'000U);
}

TEST_F(AccountTest, TheFirstOutcomeCounts) {
  run();
  account.close(Outcome::bad_header);
  account.close(Outcome::client_left);
  account.reaped(exit);
  EXPECT_EQ(account.costs().outcome, Outcome::bad_header);
  EXPECT_EQ(figures->count(), 1U);
}

TEST_F(AccountTest, ClientsThatLeftAreNoFailuresOfTheProgram) {
  run();
  account.reaped(exit);
  account.close(Outcome::client_left);
  EXPECT_EQ(figures->failed(), 0U);
}

TEST_F(AccountTest, FiguresAddUp) {
  run();
  account.wrote(10);
  account.read(300);
  account.header_whole();
  account.reaped(exit);
  account.close(Outcome::answered);
  EXPECT_EQ(figures->bytes_in, 10U);
  EXPECT_EQ(figures->bytes_out, 300U);
  EXPECT_EQ(figures->peak_rss_kib, 4000U);
  EXPECT_EQ(user_time(exit) + system_time(exit), std::chrono::milliseconds(1750));
  EXPECT_TRUE(account.costs().queue && account.costs().start && account.costs().header);
  EXPECT_GE(account.costs().total, *account.costs().run);
}

TEST_F(AccountTest, EveryOutcomeHasAName) {
  for (unsigned i = 0; i < outcomes; ++i)
    EXPECT_FALSE(text(static_cast<Outcome>(i)).empty()) << i;
}

TEST_F(AccountTest, StartsAreNamedWhereThereWasOne) {
  EXPECT_EQ(text(Start::none), "");
  EXPECT_EQ(text(Start::cold), "cold");
  EXPECT_EQ(text(Start::warm), "warm");
}

}  // namespace
}  // namespace cgisrv::account
