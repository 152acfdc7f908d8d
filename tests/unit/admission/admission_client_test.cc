// Two workers' admission clients and the scheduler between them, without processes: what they say
// to each other is kept until it is delivered.
#include "admission/admission_client.h"

#include <gmock/gmock.h>

#include <deque>
#include <string>

#include "../run_until.h"
#include "admission/admission_scheduler.h"

namespace cgisrv::admission {
namespace {

using State = PendingAdmission::State;

class AdmissionClientTest : public testing::Test {
 protected:
  void said() { ++decisions; }
  Callback decided() { return Callback::of<&AdmissionClientTest::said>(*this); }
  PendingAdmission pending(unsigned worker = 0) {
    return {worker == 0 ? first : second, decided()};
  }
  static AdmissionRequest request(std::string_view file, const Limits& limits = {}) {
    return {.location = 1, .file = file, .limits = limits, .timeout = std::chrono::minutes(1)};
  }
  void deliver() {
    while (!up.empty() || !down.empty()) {
      if (!up.empty()) {
        const auto [worker, message] = up.front();
        up.pop_front();
        scheduler.on_message(worker, message);
      } else {
        const auto [worker, message] = down.front();
        down.pop_front();
        (worker == 0 ? first : second).on_message(message);
      }
    }
  }
  bool in_use(std::string_view file) {
    const auto row = table.find(table.key(1, file));
    return row && !table.idle_since(*row);
  }

  Loop loop;
  Table table;
  std::deque<std::pair<unsigned, Message>> up, down;
  AdmissionScheduler scheduler{table, 5000, [this](unsigned worker, const Message& message) {
                                 down.emplace_back(worker, message);
                                 return true;
                               }};
  AdmissionClient first{loop, table, 0,
                        [this](const Message& message) { up.emplace_back(0, message); }};
  AdmissionClient second{loop, table, 1,
                         [this](const Message& message) { up.emplace_back(1, message); }};
  unsigned decisions = 0;
};

TEST_F(AdmissionClientTest, TheMasterIsAskedOnceForEachProgram) {
  PendingAdmission one = pending();
  EXPECT_EQ(one.enter(request("/a")), State::waiting);
  deliver();
  EXPECT_EQ(one.state(), State::admitted);
  EXPECT_EQ(decisions, 1U);
  PendingAdmission two = pending(1);
  EXPECT_EQ(two.enter(request("/a")), State::admitted);
  EXPECT_TRUE(up.empty());
  const auto row = *table.find(table.key(1, "/a"));
  EXPECT_EQ(table.row(row).text(), "/a");
  EXPECT_EQ(table.row(row).permits.taken(), 2U);
}

TEST_F(AdmissionClientTest, TwoAtATimeForAProgramThatIsNewHaveOneLimit) {
  PendingAdmission one = pending(0);
  PendingAdmission two = pending(1);
  EXPECT_EQ(one.enter(request("/a", {.max_running = 1})), State::waiting);
  EXPECT_EQ(two.enter(request("/a", {.max_running = 1})), State::waiting);
  deliver();
  EXPECT_EQ(one.state(), State::admitted);
  EXPECT_EQ(two.state(), State::waiting);
  one.take().give_back();
  deliver();
  EXPECT_EQ(two.state(), State::admitted);
}

TEST_F(AdmissionClientTest, ARowIsInUseAsLongAsAnythingOfARunIs) {
  std::shared_ptr<account::ProgramStats> stats;
  {
    PendingAdmission one = pending();
    one.enter(request("/a"));
    deliver();
    EXPECT_EQ(one.state(), State::admitted);
    stats = one.stats();
  }
  EXPECT_TRUE(in_use("/a")) << "its costs are not settled";
  EXPECT_EQ(stats.get(), &table.row(*table.find(table.key(1, "/a"))).stats);
  stats.reset();
  EXPECT_FALSE(in_use("/a"));
}

TEST_F(AdmissionClientTest, WhoLeavesBeforeItHasARowTellsNobody) {
  {
    PendingAdmission one = pending();
    EXPECT_EQ(one.enter(request("/a")), State::waiting);
  }
  EXPECT_EQ(up.size(), 1U);
  deliver();
  EXPECT_EQ(decisions, 0U);
  EXPECT_FALSE(in_use("/a"));
}

TEST_F(AdmissionClientTest, WhatIsGrantedToWhoHasLeftIsFreeAgain) {
  PendingAdmission holds = pending();
  holds.enter(request("/a", {.max_running = 1}));
  deliver();
  {
    PendingAdmission leaves = pending();
    EXPECT_EQ(leaves.enter(request("/a", {.max_running = 1})), State::waiting);
    deliver();
    holds.take().give_back();
    const auto freed = up.front();
    up.pop_front();
    scheduler.on_message(freed.first, freed.second);  // the grant is on its way
  }
  deliver();
  EXPECT_FALSE(in_use("/b"));
  EXPECT_EQ(table.row(*table.find(table.key(1, "/a"))).permits.taken(), 0U);
}

// Fault 29.
TEST_F(AdmissionClientTest, MoreProgramsThanThereAreRowsForShareNone) {
  std::deque<PendingAdmission> entries;
  std::deque<std::string> names;
  for (unsigned i = 0; i <= programs_max; ++i) {
    names.push_back("/" + std::to_string(i));
    entries.emplace_back(first, decided());
    entries.back().enter(request(names.back(), {.max_running = 1}));
    deliver();
    ASSERT_EQ(entries.back().state(), i < programs_max ? State::admitted : State::crowded) << i;
  }
  entries.pop_front();
  PendingAdmission late = pending();
  late.enter(request(names.back(), {.max_running = 1}));
  deliver();
  EXPECT_EQ(late.state(), State::admitted);
}

TEST_F(AdmissionClientTest, WhoIsRefusedKnowsWhichLimitHeld) {
  scheduler.set_total(1);
  PendingAdmission runs = pending();
  runs.enter(request("/a", {.max_running = 2}));
  deliver();
  AdmissionRequest asked = request("/a", {.max_running = 2, .queue_size = 1});
  asked.timeout = std::chrono::milliseconds(20);
  PendingAdmission waits = pending();
  waits.enter(asked);
  deliver();
  EXPECT_EQ(first.refuses(asked), LimitKind::total);
  PendingAdmission refused = pending(1);
  EXPECT_EQ(refused.enter(asked), State::full);
  EXPECT_EQ(refused.held_by(), LimitKind::total);
  EXPECT_TRUE(run_until(loop, [&] { return waits.state() == State::timed_out; }));
  EXPECT_EQ(waits.held_by(), LimitKind::total);
  asked.limits.max_running = 1;
  PendingAdmission other = pending();
  asked.limits.queue_size = 0;
  other.enter(asked);
  deliver();
  EXPECT_EQ(other.state(), State::full);
  EXPECT_EQ(other.held_by(), LimitKind::program);
}

TEST_F(AdmissionClientTest, TheMasterIsAskedWhatACountedOneWaitedFor) {
  AdmissionRequest asked = request("/a", {.max_running = 2, .max_running_per_client = 1});
  asked.client = 7;
  asked.timeout = std::chrono::milliseconds(10);
  PendingAdmission runs = pending(), told = pending(), untold = pending();
  runs.enter(asked);
  told.enter(asked);
  deliver();
  EXPECT_TRUE(run_until(loop, [&] { return !up.empty(); }));
  EXPECT_EQ(told.state(), State::waiting);
  deliver();
  EXPECT_EQ(told.state(), State::timed_out);
  EXPECT_EQ(told.held_by(), LimitKind::client);
  untold.enter(asked);
  EXPECT_TRUE(run_until(loop, [&] { return untold.state() == State::timed_out; }));
}

TEST_F(AdmissionClientTest, ALookTakesNothing) {
  const AdmissionRequest asked = request("/a", {.max_running = 1, .queue_size = 1});
  EXPECT_FALSE(first.refuses(asked)) << "nothing is known of it";
  PendingAdmission runs = pending();
  runs.enter(asked);
  deliver();
  EXPECT_FALSE(second.refuses(asked)) << "it may wait";
  PendingAdmission waits = pending(1);
  waits.enter(asked);
  deliver();
  EXPECT_TRUE(second.refuses(asked));
  const ProgramRow& row = table.row(*table.find(table.key(1, "/a")));
  EXPECT_EQ(row.refused, 1U);
  EXPECT_EQ(row.waiting, 1U);
  EXPECT_EQ(row.permits.taken(), 1U);
}

}  // namespace
}  // namespace cgisrv::admission
