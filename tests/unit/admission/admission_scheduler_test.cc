// Who is next, without processes: workers are numbers, and what they are told is kept.
#include "admission/admission_scheduler.h"

#include <gmock/gmock.h>

#include <vector>

#include "admission/admission_client.h"

namespace cgisrv::admission {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Arbitrating : testing::Test {
  Arbitrating() { table.give(program, {.first = 1, .second = 1}); }
  void ask(unsigned worker, std::uint32_t request, const Limits& limits, std::uint64_t client = 0) {
    scheduler.on_message(worker, {.kind = Message::Kind::ask,
                                  .request = request,
                                  .program = program,
                                  .client = client,
                                  .limits = limits});
  }
  void leave(unsigned worker, std::uint32_t request) {
    scheduler.on_message(worker,
                         {.kind = Message::Kind::leave, .request = request, .program = program});
  }
  void give_back(unsigned worker, const Message& grant) {
    table.row(program).permits.give_back(grant.permit);
    table.total().give_back(grant.total);
    scheduler.on_message(
        worker, {.kind = Message::Kind::freed, .program = program, .client = grant.client});
  }

  Table table;
  static constexpr std::uint32_t program = 7;
  std::vector<std::uint32_t> granted, refused, opened;
  std::vector<Message> grants, refusals;
  unsigned deaf = 99;  // a worker that cannot be told
  AdmissionScheduler scheduler{
      table, 100, [this](unsigned worker, const Message& message) {
        if (worker == deaf) return false;
        const bool grant = message.kind == Message::Kind::grant;
        const bool row = message.kind == Message::Kind::opened;
        (row ? opened : grant ? granted : refused).push_back(message.request);
        if (grant) grants.push_back(message);
        if (!grant && !row) refusals.push_back(message);
        return true;
      }};
};

TEST_F(Arbitrating, TheLongestWaitingIsNextWhicheverWorkerItIsWith) {
  const Limits one{.max_running = 1};
  for (std::uint32_t i = 1; i <= 4; ++i)
    ask(i % 2, i, one);
  EXPECT_THAT(granted, ElementsAre(1));
  EXPECT_EQ(table.row(program).waiting, 3U);
  give_back(1, grants.back());
  give_back(0, grants.back());
  EXPECT_THAT(granted, ElementsAre(1, 2, 3));
  EXPECT_EQ(table.row(program).permits.taken(), 1U);
}

TEST_F(Arbitrating, PastTheQueueIsRefused) {
  const Limits limits{.max_running = 1, .queue_size = 1};
  for (std::uint32_t i = 1; i <= 3; ++i)
    ask(0, i, limits);
  EXPECT_THAT(granted, ElementsAre(1));
  EXPECT_THAT(refused, ElementsAre(3));
  leave(0, 2);
  ask(0, 4, limits);
  EXPECT_THAT(refused, ElementsAre(3));
  give_back(0, grants.back());
  EXPECT_THAT(granted, ElementsAre(1, 4));
}

TEST_F(Arbitrating, WhoCannotBeToldOfARefusalWaits) {
  const Limits limits{.max_running = 1, .queue_size = 0};
  ask(0, 1, limits);
  deaf = 0;
  ask(0, 2, limits);
  deaf = 99;
  give_back(0, grants.back());
  EXPECT_THAT(granted, ElementsAre(1, 2));
  EXPECT_THAT(refused, IsEmpty());
}

TEST_F(Arbitrating, ADeadWorkersPlacesAndWaitersAreGone) {
  const Limits two{.max_running = 2};
  ask(0, 1, two);
  ask(1, 2, two);
  ask(0, 3, two);
  ask(1, 4, two);
  scheduler.worker_ended(0);
  EXPECT_THAT(granted, ElementsAre(1, 2, 4));
  EXPECT_EQ(table.row(program).waiting, 0U);
  scheduler.worker_ended(1);
  EXPECT_EQ(table.row(program).permits.taken(), 0U);
  EXPECT_EQ(table.total().taken(), 0U);
}

TEST_F(Arbitrating, AClientAtItsLimitIsOvertaken) {
  const Limits limits{.max_running = 3, .max_running_per_client = 1};
  ask(0, 1, limits, 7);
  ask(0, 2, limits, 7);
  ask(1, 3, limits, 8);
  EXPECT_THAT(granted, ElementsAre(1, 3));
  give_back(0, grants.front());
  EXPECT_THAT(granted, ElementsAre(1, 3, 2));
  scheduler.worker_ended(0);  // whose client held one
  ask(1, 4, limits, 7);
  EXPECT_THAT(granted, ElementsAre(1, 3, 2, 4));
}

// Fault 11.
TEST_F(Arbitrating, AClientCannotFillTheQueueAlone) {
  const Limits limits{
      .max_running = 2, .max_running_per_client = 1, .queue_size = 4, .queue_per_client = 2};
  for (std::uint32_t i = 1; i <= 5; ++i)
    ask(i % 2, i, limits, 7);
  EXPECT_THAT(granted, ElementsAre(1));
  EXPECT_THAT(refused, ElementsAre(4, 5)) << "two of its requests wait";
  ask(0, 6, limits, 8);
  ask(0, 7, limits, 9);
  ask(0, 8, limits, 10);
  EXPECT_THAT(granted, ElementsAre(1, 6));
  EXPECT_EQ(table.row(program).waiting, 4U);
  ask(0, 9, limits, 11);
  EXPECT_THAT(refused, ElementsAre(4, 5, 9)) << "the queue is full";
  give_back(1, grants.front());
  EXPECT_THAT(granted, ElementsAre(1, 6, 2));
  leave(0, 7);
  ask(0, 10, limits, 7);
  EXPECT_THAT(refused, ElementsAre(4, 5, 9)) << "one of them runs";
}

TEST_F(Arbitrating, WhoIsNobodyHasNoShareOfTheQueue) {
  const Limits limits{.max_running = 1, .queue_size = 3, .queue_per_client = 1};
  for (std::uint32_t i = 1; i <= 4; ++i)
    ask(0, i, limits);
  EXPECT_THAT(refused, IsEmpty());
  ask(0, 5, limits);
  EXPECT_THAT(refused, ElementsAre(5));
}

TEST_F(Arbitrating, WaitingIsBoundedWhereRunningIsNot) {
  const Limits limits{.max_running = 2, .queue_size = 3, .queue_per_client = 1};
  for (std::uint32_t i = 1; i <= 4; ++i)
    ask(0, i, limits, 7);
  EXPECT_THAT(granted, ElementsAre(1, 2));
  EXPECT_THAT(refused, ElementsAre(4));
  EXPECT_EQ(grants.front().client, 0U) << "nobody is counted";
}

TEST_F(Arbitrating, AWorkerThatCannotBeToldHoldsUpNobody) {
  const Limits one{.max_running = 1};
  deaf = 0;
  ask(0, 1, one);
  ask(1, 2, one);
  EXPECT_THAT(granted, ElementsAre(2));
  deaf = 99;
  give_back(1, grants.back());
  EXPECT_THAT(granted, ElementsAre(2, 1));
}

TEST_F(Arbitrating, WhatAWorkerCouldNotBeToldItIsToldWhenThereIsRoom) {
  const Limits one{.max_running = 1};
  ask(0, 1, one);
  ask(1, 2, one);
  deaf = 1;
  give_back(0, grants.back());
  EXPECT_THAT(granted, ElementsAre(1));
  scheduler.has_room(1);
  EXPECT_EQ(table.row(program).permits.taken(), 0U) << "there was none after all";
  deaf = 99;
  scheduler.has_room(0);
  EXPECT_THAT(granted, ElementsAre(1)) << "it is another's";
  scheduler.has_room(1);
  EXPECT_THAT(granted, ElementsAre(1, 2));
}

TEST_F(Arbitrating, WhoCouldNotBeToldOfItsRowIsToldWhenThereIsRoom) {
  const auto open = [&](std::uint32_t request) {
    scheduler.on_message(0, {.kind = Message::Kind::open, .request = request, .key = {2, request}});
  };
  deaf = 0;
  open(1);
  open(2);
  scheduler.has_room(0);
  deaf = 99;
  scheduler.has_room(0);
  scheduler.has_room(0);
  EXPECT_THAT(opened, ElementsAre(1, 2)) << "once";
  deaf = 0;
  open(3);
  deaf = 99;
  scheduler.worker_ended(0);
  scheduler.has_room(0);
  EXPECT_THAT(opened, ElementsAre(1, 2)) << "who asked is gone";
}

TEST_F(Arbitrating, RestraintLowersTheTotalUntilItIsLifted) {
  const Limits many{.max_running = 10};
  scheduler.limit_total(1);
  ask(0, 1, many);
  ask(0, 2, many);
  EXPECT_THAT(granted, ElementsAre(1));
  EXPECT_EQ(table.total_waiting(), 1U);
  scheduler.limit_total(0);
  EXPECT_THAT(granted, ElementsAre(1, 2));
  EXPECT_EQ(table.total_waiting(), 0U);
}

TEST_F(Arbitrating, ARefusalSaysWhichLimitHeld) {
  const auto held_by = [this](unsigned max_running) {
    ask(0, 9, {.max_running = max_running, .queue_size = 0});
    return refusals.back().held_by;
  };
  scheduler.set_total(2);
  ask(0, 1, {.max_running = 10});
  ask(0, 2, {.max_running = 10});
  EXPECT_EQ(held_by(10), LimitKind::total);
  EXPECT_EQ(held_by(2), LimitKind::program);
  scheduler.set_total(10);
  scheduler.limit_total(2);
  EXPECT_EQ(held_by(10), LimitKind::pressure);
  EXPECT_EQ(held_by(2), LimitKind::program);
  scheduler.limit_total(0);
  EXPECT_EQ(held_by(2), LimitKind::program);
}

TEST_F(Arbitrating, ARefusalSaysThatItsClientRunsAsManyAsItMay) {
  const Limits limits{.max_running = 2, .max_running_per_client = 1, .queue_size = 1};
  ask(0, 1, limits, 7);
  ask(0, 2, limits, 7);
  ask(0, 3, limits, 7);
  EXPECT_EQ(refusals.back().held_by, LimitKind::client);
  ask(0, 4, limits, 8);
  ask(0, 5, limits, 9);
  EXPECT_EQ(refusals.back().held_by, LimitKind::program);
  EXPECT_THAT(refused, ElementsAre(3, 5));
}

TEST_F(Arbitrating, WhoHasWaitedLongEnoughIsToldWhatForAndWaitsNoMore) {
  const Limits limits{.max_running = 2, .max_running_per_client = 1};
  const auto expire = [this](std::uint32_t request) {
    scheduler.on_message(0,
                         {.kind = Message::Kind::expire, .request = request, .program = program});
  };
  ask(0, 1, limits, 7);
  ask(0, 2, limits, 7);
  expire(1);
  EXPECT_THAT(refused, IsEmpty()) << "it has a permit";
  expire(2);
  EXPECT_THAT(refused, ElementsAre(2));
  EXPECT_EQ(refusals.back().kind, Message::Kind::expired);
  EXPECT_EQ(refusals.back().held_by, LimitKind::client);
  EXPECT_EQ(table.row(program).waiting, 0U);
}

TEST_F(Arbitrating, NonsenseIsIgnored) {
  scheduler.on_message(0, {.kind = Message::Kind::ask, .program = 1U << 30});
  scheduler.on_message(0, {.kind = Message::Kind::freed, .program = program, .client = 5});
  leave(3, 17);
  EXPECT_THAT(granted, IsEmpty());
}

TEST(PermitTableTest, AboveALowerLimitCountsToo) {
  PermitTable<64> permits;
  for (unsigned i = 0; i < 8; ++i)
    EXPECT_TRUE(permits.take(1, 8));
  for (unsigned i = 0; i < 5; ++i)
    permits.give_back(i);
  EXPECT_FALSE(permits.take(1, 3)) << "5, 6 and 7 are held";
  permits.give_back(6);
  EXPECT_TRUE(permits.take(1, 3));
  EXPECT_FALSE(permits.take(1, 3));
  permits.give_back(5);
  permits.give_back(7);
  EXPECT_TRUE(permits.take(1, 3));
  EXPECT_TRUE(permits.take(1, 3));
  EXPECT_FALSE(permits.take(1, 3));
  EXPECT_EQ(permits.taken(), 3);
}

TEST(PermitTableTest, NoMoreThanTheLimit) {
  PermitTable<64> permits;
  for (unsigned worker = 0; worker < 5; ++worker)
    EXPECT_TRUE(permits.take(worker, 5));
  EXPECT_FALSE(permits.take(0, 5));
  EXPECT_EQ(permits.give_back_all_of(3), 1U);
  EXPECT_TRUE(permits.take(0, 5));
  EXPECT_FALSE(permits.take(0, 0));
}

}  // namespace
}  // namespace cgisrv::admission
