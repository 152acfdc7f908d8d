#include "admission/psi_monitor.h"

#include <gtest/gtest.h>

#include "../temporary_directory.h"
#include "base/log.h"

namespace cgisrv::admission {
namespace {

TEST(AdaptiveLimit, LeavesAloneWhatIsNotShort) {
  AdaptiveLimit adaptive_limit(2, 100);
  EXPECT_EQ(adaptive_limit.step(false, 50), 0U);
}

TEST(AdaptiveLimit, AQuarterFewerEachTimeButNeverFewerThanTheLeast) {
  AdaptiveLimit adaptive_limit(2, 100);
  EXPECT_EQ(adaptive_limit.step(true, 40), 30U) << "of those that run, not of those that may";
  EXPECT_EQ(adaptive_limit.step(true, 30), 23U);
  EXPECT_EQ(adaptive_limit.step(true, 10), 8U) << "fewer run than may";
  for (int i = 0; i < 20; ++i)
    adaptive_limit.step(true, adaptive_limit.allowed());
  EXPECT_EQ(adaptive_limit.allowed(), 3U);
  EXPECT_EQ(adaptive_limit.step(true, 0), 2U);
  EXPECT_EQ(adaptive_limit.step(true, 1000), 2U);
}

TEST(AdaptiveLimit, ComesBackStepByStep) {
  AdaptiveLimit adaptive_limit(1, 100);
  adaptive_limit.step(true, 8);
  EXPECT_EQ(adaptive_limit.allowed(), 6U);
  EXPECT_EQ(adaptive_limit.step(false, 6), 7U);
  EXPECT_EQ(adaptive_limit.step(false, 7), 8U);
  EXPECT_EQ(adaptive_limit.step(false, 8), 10U);
  EXPECT_EQ(adaptive_limit.step(true, 10), 8U) << "and is short again";
  unsigned steps = 0;
  for (; adaptive_limit.step(false, 0) != 0; ++steps)
    EXPECT_LT(adaptive_limit.allowed(), 100U);
  EXPECT_GT(steps, 5U);
  EXPECT_EQ(adaptive_limit.step(false, 0), 0U);
}

class PsiMonitorTest : public testing::Test {
 protected:
  PsiMonitorTest() { log::set_level(log::Level::fatal); }
  ~PsiMonitorTest() override { log::set_level(log::Level::info); }
  void press(const std::string& resource, const std::string& percent) {
    directory.file(resource, 0644, "some avg10=" + percent + " avg60=0.00\nfull avg10=0.00\n");
  }

  TemporaryDirectory directory;
  Loop loop;
  Table table;
  AdmissionScheduler scheduler{table, 100, [](unsigned, const Message&) { return true; }};
};

TEST_F(PsiMonitorTest, RestrainsAndLetsGo) {
  press("memory", "10.00");
  PsiMonitor psi_monitor(loop, {.memory = 20}, AdaptiveLimit(2, 100), table, scheduler,
                         directory.path());
  for (unsigned i = 0; i < 8; ++i)
    table.total().take(0, 100);
  psi_monitor.poll();
  EXPECT_EQ(table.total_limit(), 100U);
  press("memory", "20.01");
  press("cpu", "99.00");
  psi_monitor.poll();
  EXPECT_EQ(table.total_limit(), 6U);
  press("memory", "0.00");
  for (int i = 0; i < 40; ++i)
    psi_monitor.poll();
  EXPECT_EQ(table.total_limit(), 100U) << "cpu is not to be looked at";
}

TEST_F(PsiMonitorTest, WhatCannotBeReadIsNotLookedAt) {
  press("cpu", "90.00");
  table.total().take(0, 100);
  PsiMonitor psi_monitor(loop, {.memory = 1, .cpu = 50}, AdaptiveLimit(1, 100), table, scheduler,
                         directory.path());
  press("memory", "90.00");
  psi_monitor.poll();
  EXPECT_EQ(table.total_limit(), 1U);
  press("cpu", "0.00");
  for (int i = 0; i < 40; ++i)
    psi_monitor.poll();
  EXPECT_EQ(table.total_limit(), 100U);
}

}  // namespace
}  // namespace cgisrv::admission
