// What the supervisor decides by: restart delays, the choice of a worker, the scoreboard's rows.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/dispatch.h"
#include "pool/restart.h"
#include "pool/scoreboard.h"

namespace cgisrv::pool {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

TEST(RestartPolicy, FirstDeathIsForgivenThenTheDelayDoubles) {
  RestartPolicy policy;
  std::vector<long> delays;
  for (int i = 0; i < 9; ++i)
    delays.push_back(policy.after_death(milliseconds(10)).count());
  EXPECT_THAT(delays, ElementsAre(0, 100, 200, 400, 800, 1600, 3200, 5000, 5000));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(policy.after_death(milliseconds(0)), RestartPolicy::delay_max);
}

TEST(RestartPolicy, ALongLifeMakesGood) {
  RestartPolicy policy;
  for (int i = 0; i < 5; ++i)
    policy.after_death(milliseconds(10));
  EXPECT_EQ(policy.after_death(RestartPolicy::young), milliseconds(0));
  EXPECT_EQ(policy.after_death(milliseconds(10)), milliseconds(0));
  EXPECT_EQ(policy.after_death(milliseconds(10)), RestartPolicy::delay_first);
}

std::vector<int> choices(Chooser& chooser, const std::vector<Candidate>& candidates, int count) {
  std::vector<int> chosen;
  for (int i = 0; i < count; ++i) {
    const auto index = chooser.choose(candidates);
    chosen.push_back(index ? static_cast<int>(*index) : -1);
  }
  return chosen;
}

TEST(Chooser, RoundRobinTakesTurnsWhateverTheLoad) {
  Chooser chooser(Dispatch::round_robin);
  EXPECT_THAT(choices(chooser, {{true, 9}, {true, 0}, {true, 5}}, 4), ElementsAre(0, 1, 2, 0));
}

TEST(Chooser, RoundRobinPassesOverWhoCannot) {
  Chooser chooser(Dispatch::round_robin);
  EXPECT_THAT(choices(chooser, {{false, 0}, {true, 0}, {false, 0}, {true, 0}}, 4),
              ElementsAre(1, 3, 1, 3));
}

TEST(Chooser, LeastBusyTakesTheLeastLoadedAndTurnsAmongEquals) {
  Chooser chooser(Dispatch::least_busy);
  EXPECT_THAT(choices(chooser, {{true, 3}, {true, 1}, {true, 2}}, 2), ElementsAre(1, 1));
  EXPECT_THAT(choices(chooser, {{true, 1}, {true, 1}, {true, 1}}, 4), ElementsAre(2, 0, 1, 2));
  EXPECT_THAT(choices(chooser, {{false, 0}, {true, 7}, {true, 9}}, 1), ElementsAre(1));
}

TEST(Chooser, NobodyIsEligible) {
  for (const Dispatch policy : {Dispatch::round_robin, Dispatch::least_busy}) {
    Chooser chooser(policy);
    EXPECT_THAT(choices(chooser, {{false, 0}, {false, 0}}, 1), ElementsAre(-1));
    EXPECT_THAT(choices(chooser, {}, 1), ElementsAre(-1));
    EXPECT_THAT(choices(chooser, {{false, 0}, {true, 0}}, 1), ElementsAre(1));
  }
}

TEST(Scoreboard, ClearedRowHasNothingOfTheLastWorker) {
  Scoreboard board;
  WorkerRow& row = board.row(0);
  row.heartbeats = 1;
  row.connections = 2;
  row.accepted = 3;
  row.starved = true;
  row.tickets_taken.front() = 4;
  row.tickets_taken.back() = 5;
  row.doing.fill('x');
  board.row(1).connections = 6;
  row.clear();
  EXPECT_EQ(row.heartbeats, 0U);
  EXPECT_EQ(row.connections, 0U);
  EXPECT_EQ(row.accepted, 0U);
  EXPECT_FALSE(row.starved);
  EXPECT_EQ(row.tickets_taken.front(), 0U);
  EXPECT_EQ(row.tickets_taken.back(), 0U);
  EXPECT_THAT(row.doing, testing::Each('\0'));
  EXPECT_EQ(board.row(1).connections, 6U);
}

TEST(Scoreboard, IsSharedWithProcessesThatAreForkedLater) {
  Scoreboard board;
  const pid_t pid = ::fork();
  if (pid == 0) {
    board.row(0).connections = 7;
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(board.row(0).connections, 7U);
}

TEST(Scoreboard, GivesEachSlotOnce) {
  Scoreboard board;
  unsigned slot = 0;
  for (unsigned i = 0; i < slots_max; ++i) {
    WorkerRow* const row = board.take(slot);
    ASSERT_EQ(row, &board.row(slot));
    EXPECT_EQ(slot, i);
  }
  EXPECT_EQ(board.take(slot), nullptr);
  board.row(5).connections = 1;
  board.row(5).restarts = 2;
  board.row(5).taken = false;
  ASSERT_EQ(board.take(slot), &board.row(5));
  EXPECT_EQ(board.row(5).connections, 0U);
  EXPECT_EQ(board.row(5).restarts, 0U);
  EXPECT_EQ(board.workers().size(), slots_max);
}

}  // namespace
}  // namespace cgisrv::pool
