// Who is next, without processes: workers are numbers, and what they are told is kept.
#include "admission/arbiter.h"

#include <gmock/gmock.h>

#include <vector>

#include "admission/door.h"

namespace cgisrv::admission {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Arbitrating : testing::Test {
  void ask(unsigned worker, std::uint32_t request, const Limits& limits, std::uint64_t client = 0) {
    arbiter.told(worker, {.kind = Message::Kind::ask,
                          .request = request,
                          .program = program,
                          .client = client,
                          .limits = limits});
  }
  void leave(unsigned worker, std::uint32_t request) {
    arbiter.told(worker, {.kind = Message::Kind::leave, .request = request, .program = program});
  }
  void give_back(unsigned worker, const Message& grant) {
    table.row(program).places.give_back(grant.place);
    table.total().give_back(grant.total);
    arbiter.told(worker,
                 {.kind = Message::Kind::freed, .program = program, .client = grant.client});
  }

  Table table;
  std::uint32_t program = table.index(table.find(1, "/srv/x.cgi"));
  std::vector<std::uint32_t> granted, refused;
  std::vector<Message> grants;
  unsigned deaf = 99;  // a worker that cannot be told
  Arbiter arbiter{table, 100, [this](unsigned worker, const Message& message) {
                    if (worker == deaf) return false;
                    const bool grant = message.kind == Message::Kind::grant;
                    (grant ? granted : refused).push_back(message.request);
                    if (grant) grants.push_back(message);
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
  EXPECT_EQ(table.row(program).places.taken(), 1U);
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
  arbiter.worker_ended(0);
  EXPECT_THAT(granted, ElementsAre(1, 2, 4));
  EXPECT_EQ(table.row(program).waiting, 0U);
  arbiter.worker_ended(1);
  EXPECT_EQ(table.row(program).places.taken(), 0U);
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
  arbiter.worker_ended(0);  // whose client held one
  ask(1, 4, limits, 7);
  EXPECT_THAT(granted, ElementsAre(1, 3, 2, 4));
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

TEST_F(Arbitrating, RestraintLowersTheTotalUntilItIsLifted) {
  const Limits many{.max_running = 10};
  arbiter.restrain(1);
  ask(0, 1, many);
  ask(0, 2, many);
  EXPECT_THAT(granted, ElementsAre(1));
  EXPECT_EQ(table.total_waiting(), 1U);
  arbiter.restrain(0);
  EXPECT_THAT(granted, ElementsAre(1, 2));
  EXPECT_EQ(table.total_waiting(), 0U);
}

TEST_F(Arbitrating, NonsenseIsIgnored) {
  arbiter.told(0, {.kind = Message::Kind::ask, .program = 1U << 30});
  arbiter.told(0, {.kind = Message::Kind::freed, .program = program, .client = 5});
  leave(3, 17);
  EXPECT_THAT(granted, IsEmpty());
}

TEST(TableTest, OneRowForEachProgramAndLocation) {
  Table table;
  ProgramRow& row = table.find(1, "/a.cgi");
  EXPECT_EQ(&row, &table.find(1, "/a.cgi"));
  EXPECT_NE(&row, &table.find(2, "/a.cgi"));
  EXPECT_NE(&row, &table.find(1, "/b.cgi"));
  EXPECT_EQ(row.text(), "/a.cgi");
}

TEST(TableTest, TooManyProgramsShareARow) {
  Table table;
  for (unsigned i = 0; i < 3 * programs_max; ++i)
    table.find(1, std::to_string(i));
  EXPECT_EQ(table.row(programs_max - 1).text(), "(other programs)");
}

TEST(PlacesTest, AboveALowerLimitCountsToo) {
  Places<64> places;
  for (unsigned i = 0; i < 8; ++i)
    EXPECT_TRUE(places.take(1, 8));
  for (unsigned i = 0; i < 5; ++i)
    places.give_back(i);
  EXPECT_FALSE(places.take(1, 3)) << "5, 6 and 7 are held";
  places.give_back(6);
  EXPECT_TRUE(places.take(1, 3));
  EXPECT_FALSE(places.take(1, 3));
  places.give_back(5);
  places.give_back(7);
  EXPECT_TRUE(places.take(1, 3));
  EXPECT_TRUE(places.take(1, 3));
  EXPECT_FALSE(places.take(1, 3));
  EXPECT_EQ(places.taken(), 3);
}

TEST(PlacesTest, NoMoreThanTheLimit) {
  Table table;
  auto& places = table.find(1, "/a.cgi").places;
  for (unsigned worker = 0; worker < 5; ++worker)
    EXPECT_TRUE(places.take(worker, 5));
  EXPECT_FALSE(places.take(0, 5));
  EXPECT_EQ(places.give_back_all_of(3), 1U);
  EXPECT_TRUE(places.take(0, 5));
  EXPECT_FALSE(places.take(0, 0));
}

}  // namespace
}  // namespace cgisrv::admission
