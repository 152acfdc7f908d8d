#include "status/agent_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgisrv::status {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = AgentWeight::Clock;

constexpr milliseconds alive{100};

Report in_state(const std::string& state) {
  Report report;
  report.server.state = state;
  report.workers = {{.state = "running", .connections = 0, .connections_max = 10}};
  report.admission = {.running = 0, .waiting = 0, .limit = 512};
  return report;
}

Report with(std::vector<Report::Program> programs, std::uint64_t limit = 512) {
  Report report = in_state("serving");
  for (const auto& each : programs) {
    report.admission.running += each.running;
    report.admission.waiting += each.waiting;
  }
  report.programs = std::move(programs);
  report.admission.limit = limit;
  return report;
}

Report::Program program(std::uint64_t running, std::uint64_t waiting, std::uint64_t limit) {
  return {.running = running, .waiting = waiting, .limit = limit};
}

TEST(AgentLine, SaysTheWeightOfAServerThatServes) {
  EXPECT_EQ(agent_line(in_state("serving"), alive, 75), "up ready 75%");
}

TEST(AgentLine, SaysWhyNothingIsToBeSent) {
  EXPECT_EQ(agent_line(in_state("drained"), alive, 75), "up drain #drained by the administrator");
  EXPECT_EQ(agent_line(in_state("maintenance"), alive, 75),
            "up maint #drained by the administrator, for maintenance");
  EXPECT_EQ(agent_line(in_state("leaving"), alive, 75), "up drain #leaving");
}

TEST(AgentLine, IsDownWhileNobodyAccepts) {
  for (const std::string state : {"starting", "finishing", "stopping"})
    EXPECT_EQ(agent_line(in_state(state), alive, 75), "down #" + state);
  EXPECT_EQ(agent_line(in_state("serving"), seconds(7), 75),
            "down #the master has shown no sign of life for 7 s");
}

TEST(Demand, IsWhatRunsAndWaitsForEachPlaceOfProgramsInUse) {
  EXPECT_EQ(demand_of(with({})), 0);
  EXPECT_EQ(demand_of(with({program(0, 0, 4)})), 0);
  EXPECT_EQ(demand_of(with({program(2, 0, 4), program(0, 0, 100)})), 0.5);
  EXPECT_EQ(demand_of(with({program(2, 4, 2), program(1, 0, 1)})), 7.0 / 3);
}

TEST(Demand, KnowsThatPlacesAreBoundedAllTogether) {
  EXPECT_EQ(demand_of(with({program(2, 4, 64)}, 2)), 3);
  // The limit was lowered, by pressure or by what was found, and more still run.
  EXPECT_EQ(demand_of(with({program(8, 0, 2)}, 4)), 1);
}

TEST(Demand, IsNotWhatWaitsForABoundOfItsClient) {
  EXPECT_EQ(demand_of(with({program(2, 64, 8)})), 0.25);
  EXPECT_EQ(demand_of(with({program(2, 6, 8)}, 2)), 4) << "no place is left for anybody";
}

TEST(Warmth, GrowsAsZygotesCome) {
  Report report = with({{.start = "warm", .zygotes = 0},
                        {.start = "warm", .zygotes = 2},
                        {.start = "cold", .zygotes = 0}});
  report.server.uptime_seconds = 6;
  EXPECT_EQ(warmth_of(report, true), 0.5);
  report.programs[0].zygotes = 1;
  EXPECT_EQ(warmth_of(report, true), 1);
}

TEST(Warmth, GrowsWithTimeWhereNoZygoteComes) {
  Report report = with({{.start = "warm", .zygotes = 0}});
  EXPECT_EQ(warmth_of(report, true), 0.1);
  report.server.uptime_seconds = 45;
  EXPECT_EQ(warmth_of(report, true), 0.75);
  report.server.uptime_seconds = 61;
  EXPECT_EQ(warmth_of(report, true), 1);
}

TEST(Warmth, IsNothingToAServerWithoutWarmPrograms) {
  EXPECT_EQ(warmth_of(in_state("serving"), false), 1);
  EXPECT_EQ(warmth_of(in_state("serving"), true), 0.1);
}

TEST(AgentWeight, IsAllOfAnIdleServerAndHalfOfAFullOne) {
  const Clock::time_point now = Clock::now();
  EXPECT_EQ(AgentWeight().percent({}, now), 100U);
  EXPECT_EQ(AgentWeight().percent({.demand = 1}, now), 50U);
  EXPECT_EQ(AgentWeight().percent({.demand = 3}, now), 25U);
  EXPECT_EQ(AgentWeight().percent({.demand = 0.5, .pressure = 0.5}, now), 50U);
  EXPECT_EQ(AgentWeight().percent({.warmth = 0.1}, now), 10U);
}

TEST(AgentWeight, IsLessForWhoDoesNotGetOn) {
  const Clock::time_point now = Clock::now();
  EXPECT_EQ(AgentWeight().percent({.stalled = 0.5}, now), 50U);
  EXPECT_EQ(AgentWeight().percent({.demand = 0.5, .pressure = 0.5, .stalled = 0.8}, now), 10U);
}

TEST(AgentWeight, IsNeverTheAdministratorsZero) {
  EXPECT_EQ(AgentWeight().percent({.demand = 10'000, .pressure = 1, .stalled = 1, .warmth = 0.1},
                                  Clock::now()),
            1U);
}

TEST(AgentWeight, FollowsAChangeInSomeSeconds) {
  AgentWeight weight;
  Clock::time_point now = Clock::now();
  EXPECT_EQ(weight.percent({}, now), 100U);
  EXPECT_EQ(weight.percent({.demand = 3}, now), 100U);  // it has not lasted
  EXPECT_GT(weight.percent({.demand = 3}, now += seconds(2)), 40U);
  EXPECT_EQ(weight.percent({.demand = 3}, now += seconds(20)), 25U);
  EXPECT_EQ(weight.percent({}, now += seconds(60)), 100U);
}

TEST(AgentWeight, DoesNotMoveForLittle) {
  AgentWeight weight;
  Clock::time_point now = Clock::now();
  EXPECT_EQ(weight.percent({.demand = 1}, now), 50U);
  for (const double demand : {1.1, 0.9, 1.2, 0.85, 1.05})
    EXPECT_EQ(weight.percent({.demand = demand}, now += seconds(60)), 50U);
}

// Two servers share what comes by their weights, and each weight follows from what came before:
// what one has more than the other shrinks, however much comes.
double share_after(seconds interval, double all) {
  AgentWeight weights[2];
  double share = 0.9;
  double before = share - 0.5;
  Clock::time_point now = Clock::now();
  for (int turn = 0; turn < 30; ++turn) {
    now += interval;
    const unsigned first = weights[0].percent({.demand = all * share}, now);
    const unsigned second = weights[1].percent({.demand = all * (1 - share)}, now);
    share = static_cast<double>(first) / (first + second);
    if (turn > 0) {
      EXPECT_LE(std::abs(share - 0.5), std::abs(before) + 0.1) << all;
    }
    before = share - 0.5;
  }
  return share;
}

TEST(AgentWeight, DoesNotSwing) {
  for (const double all : {0.5, 1.0, 2.0, 8.0, 40.0}) {
    EXPECT_NEAR(share_after(seconds(2), all), 0.5, 0.1) << all;
    EXPECT_NEAR(share_after(seconds(10), all), 0.5, 0.1) << all;
    share_after(seconds(60), all);  // nothing is smoothed: it does not grow
  }
}

}  // namespace
}  // namespace cgisrv::status
