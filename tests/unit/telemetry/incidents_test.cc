#include "telemetry/incidents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace cgisrv::telemetry {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Incidents::Clock::time_point now{std::chrono::hours(100)};

Incident taking(std::int64_t duration_us) {
  Incident incident;
  incident.duration_us = duration_us;
  return incident;
}

std::vector<std::int64_t> durations(const std::vector<Incident>& incidents) {
  std::vector<std::int64_t> found;
  for (const Incident& each : incidents)
    found.push_back(each.duration_us);
  return found;
}

class IncidentsTest : public testing::Test {
 protected:
  bool offer(std::int64_t duration_us, Incidents::Clock::time_point when = now) {
    if (!incidents_->is_slow(Incidents::Duration(duration_us), when)) return false;
    incidents_->add_slow(taking(duration_us), when);
    return true;
  }
  // Zeroed, as shared memory is.
  std::unique_ptr<Incidents> incidents_ = std::make_unique<Incidents>();
};

TEST(Text, IsCutWhereItsRoomEnds) {
  EXPECT_EQ(Text<4>("abc").view(), "abc");
  EXPECT_EQ(Text<4>("abcdef").view(), "abcd");
  EXPECT_EQ(Text<4>().view(), "");
}

TEST_F(IncidentsTest, FailuresAreNewestFirstAndBounded) {
  EXPECT_THAT(incidents_->failures(), IsEmpty());
  for (unsigned i = 0; i < Incidents::failures_max + 3; ++i)
    incidents_->add_failure(taking(i));
  const auto found = durations(incidents_->failures());
  ASSERT_EQ(found.size(), Incidents::failures_max);
  EXPECT_EQ(found.front(), Incidents::failures_max + 2);
  EXPECT_EQ(found.back(), 3);
}

TEST_F(IncidentsTest, TheSlowestStay) {
  EXPECT_THAT(incidents_->slowest(now), IsEmpty());
  for (int i = 1; i <= 100; ++i)
    offer(i * 37 % 101);  // 1 to 100, in some order
  std::vector<std::int64_t> expected;
  for (int i = 100; i > 80; --i)
    expected.push_back(i);
  EXPECT_EQ(durations(incidents_->slowest(now)), expected);
  EXPECT_FALSE(offer(80));
  EXPECT_FALSE(offer(81)) << "it was there first";
  EXPECT_TRUE(offer(82));
}

TEST_F(IncidentsTest, WhatIsOlderThanTheWindowIsForgotten) {
  offer(900, now);
  offer(5, now + minutes(10));
  EXPECT_THAT(durations(incidents_->slowest(now + minutes(14))), ElementsAre(900, 5));
  EXPECT_THAT(durations(incidents_->slowest(now + minutes(17))), ElementsAre(5));
  // The room of an old minute is another's, however slow its requests were.
  EXPECT_TRUE(offer(1, now + minutes(16)));
  EXPECT_THAT(durations(incidents_->slowest(now + minutes(17))), ElementsAre(5, 1));
}

TEST_F(IncidentsTest, OneThatTookForEverIsTheSlowest) {
  offer(std::int64_t{1} << 50);
  EXPECT_FALSE(incidents_->slowest(now).empty());
  EXPECT_TRUE(offer(3, now + minutes(1))) << "it has not run over into the next minute";
}

TEST_F(IncidentsTest, NobodyReadsHalfAnEntry) {
  // Two that write the same slots, each its own letter; whoever reads must never see both.
  std::atomic<bool> over = false;
  const auto write = [&](char letter) {
    Incident incident;
    incident.diagnosis = decltype(incident.diagnosis)(std::string(300, letter));
    while (!over)
      incidents_->add_failure(incident);
  };
  std::thread first(write, 'a');
  std::thread second(write, 'b');
  unsigned seen = 0;
  unsigned mixed = 0;
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (seen < 5000 && std::chrono::steady_clock::now() < deadline)
    for (const Incident& each : incidents_->failures()) {
      ++seen;
      const auto text = each.diagnosis.view();
      if (text != std::string(300, text.front())) ++mixed;
    }
  over = true;
  first.join();
  second.join();
  EXPECT_GT(seen, 0U);
  EXPECT_EQ(mixed, 0U);
}

TEST(ChecksummedSlot, HoldsNothingBeforeItIsWritten) {
  auto slot = std::make_unique<ChecksummedSlot<std::uint64_t>>();
  EXPECT_EQ(slot->load(), std::nullopt);
  slot->store(0);
  EXPECT_EQ(slot->load(), 0U);
}

TEST(ChecksummedSlot, WhatIsHalfWrittenIsNothing) {
  using Pair = std::array<std::uint64_t, 2>;
  auto slot = std::make_unique<ChecksummedSlot<Pair>>();
  slot->store({1, 2});
  // The last word, as a process leaves it that died while it wrote.
  auto* const words = reinterpret_cast<std::uint64_t*>(slot.get());
  words[2] = 7;
  EXPECT_EQ(slot->load(), std::nullopt);
  slot->store({3, 4});
  EXPECT_EQ(slot->load(), (Pair{3, 4}));
}

// The clock begins with the machine.
TEST_F(IncidentsTest, TheSlowestAreThereSoonAfterTheMachineHasStarted) {
  constexpr Incidents::Clock::time_point early{minutes(3)};
  EXPECT_TRUE(offer(7, early));
  EXPECT_THAT(durations(incidents_->slowest(early)), ElementsAre(7));
}

}  // namespace
}  // namespace cgisrv::telemetry
