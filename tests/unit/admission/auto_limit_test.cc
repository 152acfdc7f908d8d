// The scenarios of bench/simulate_limits, on a machine of two processors in virtual time.
#include "admission/auto_limit.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace cgisrv::admission {
namespace {

using std::chrono::duration;
using testing::ElementsAre;

// What a run does, in milliseconds: it computes, then it sleeps.
struct Kind {
  double computes;
  double sleeps;
  bool by_children = false;  // so that the process itself seems to be asleep
};

// Clients of one program, each of which asks again at once. Those that compute share the processors
// evenly, in steps of a quarter of a millisecond.
class Clients {
 public:
  Clients(Kind kind, unsigned count) : kind(kind), count_(count) {}

  void live(double milliseconds, double rate) {
    for (Run& run : runs_) {
      run.age += milliseconds;
      if (run.computes > 0) {
        const double done = std::min(run.computes, milliseconds * rate);
        run.computes -= done;
        run.computed += done;
      } else {
        run.sleeps -= milliseconds;
      }
    }
    std::erase_if(runs_, [this](const Run& run) {
      if (run.computes > 0 || run.sleeps > 0) return false;
      ++ended_;
      computed_ += run.computed;
      lasted_ += run.age;
      return true;
    });
    while (runs_.size() < std::min(count_, limit.limit()))
      runs_.push_back({kind.computes, kind.sleeps, 0, 0});
  }
  unsigned computing() const {
    return static_cast<unsigned>(
        std::ranges::count_if(runs_, [](const Run& run) { return run.computes > 0; }));
  }
  void see(double load) {
    Activity activity{.running = static_cast<unsigned>(runs_.size()), .load = load};
    activity.waiting = count_ - std::min(count_, activity.running);
    if (!runs_.empty())
      activity.active = kind.by_children
                            ? 0
                            : static_cast<double>(computing()) / static_cast<double>(runs_.size());
    activity.ended = std::exchange(ended_, 0);
    activity.computed = duration<double, std::milli>(std::exchange(computed_, 0));
    activity.lasted = duration<double, std::milli>(std::exchange(lasted_, 0));
    limit.see(activity);
  }
  void ask(unsigned clients) { count_ = clients; }

  Kind kind;
  AutoLimit limit{2, 3, 3};

 private:
  struct Run {
    double computes, sleeps, age, computed;
  };
  unsigned count_;
  std::vector<Run> runs_;
  std::uint64_t ended_ = 0;
  double computed_ = 0, lasted_ = 0;
};

struct Machine : testing::Test {
  static constexpr double processors = 2;
  static constexpr double tick = 0.25;

  void live(double seconds) {
    for (double now = 0; now < seconds * 1000; now += tick) {
      unsigned computing = others;
      for (const Clients* each : clients)
        computing += each->computing();
      const double rate = std::min(1.0, processors / std::max(computing, 1U));
      for (Clients* each : clients)
        each->live(tick, rate);
      since_step += tick;
      if (since_step < 97) continue;
      since_step = 0;
      step(computing / processors);
    }
  }
  void step(double load) {
    std::vector<double> wishes;
    for (Clients* each : clients) {
      each->see(load);
      wishes.push_back(each->limit.wish());
    }
    const auto shares = share_processors(processors, wishes);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i]->limit.step(shares[i], most);
      highest = std::max(highest, clients[i]->limit.limit());
    }
  }

  std::vector<Clients*> clients;
  unsigned others = 0;  // processes of other people that compute
  unsigned most = 256;
  unsigned highest = 0;
  double since_step = 0;
};

TEST_F(Machine, OfWhatComputesAboutAsManyRunAsThereAreProcessors) {
  for (const unsigned count : {16U, 64U, 256U}) {
    Clients program({.computes = 60, .sleeps = 0}, count);
    clients = {&program};
    highest = 0;
    live(5);
    EXPECT_GE(program.limit.limit(), 2U);
    EXPECT_LE(highest, 3U) << "at no time";
    EXPECT_EQ(program.limit.reason(), LimitReason::busy);
  }
}

TEST_F(Machine, OfWhatSleepsAllRunWithinTwoSeconds) {
  Clients program({.computes = 1, .sleeps = 100}, 256);
  clients = {&program};
  live(2);
  EXPECT_GE(program.limit.limit(), 200U);
}

TEST_F(Machine, WhatSleepsForLongIsSeenBeforeItEnds) {
  Clients program({.computes = 2, .sleeps = 1e6}, 64);
  clients = {&program};
  live(1.5);
  EXPECT_GE(program.limit.limit(), 64U);
}

TEST_F(Machine, EvenWhileOthersComputeWhatSleepsIsLetIn) {
  others = 10;
  Clients program({.computes = 2, .sleeps = 1e6}, 64);
  clients = {&program};
  live(20);
  EXPECT_GE(program.limit.limit(), 64U);
}

TEST_F(Machine, OfWhatIsBriefAsManyRunAsNobodyNotices) {
  Clients program({.computes = 1, .sleeps = 0}, 100);
  clients = {&program};
  live(3);
  EXPECT_NEAR(program.limit.limit(), 50, 8);
  EXPECT_EQ(program.limit.reason(), LimitReason::brief);
}

TEST_F(Machine, OfWhatDoesBothMoreRunThanThereAreProcessors) {
  Clients program({.computes = 40, .sleeps = 40}, 64);
  clients = {&program};
  live(5);
  EXPECT_GE(program.limit.limit(), 4U);
  EXPECT_LE(program.limit.limit(), 10U);
}

// A shell that waits for what it has started, as far as its own process shows.
TEST_F(Machine, WhatItsChildrenComputeCounts) {
  Clients program({.computes = 60, .sleeps = 0, .by_children = true}, 64);
  clients = {&program};
  live(5);
  EXPECT_LE(program.limit.limit(), 4U);
  EXPECT_LE(highest, 6U);
}

TEST_F(Machine, FollowsAProgramThatBeginsToSleepAndToComputeAgain) {
  Clients program({.computes = 50, .sleeps = 0}, 64);
  clients = {&program};
  live(4);
  EXPECT_LE(program.limit.limit(), 3U);
  program.kind = {.computes = 2, .sleeps = 200};
  live(4);
  EXPECT_GE(program.limit.limit(), 64U);
  program.kind = {.computes = 50, .sleeps = 0};
  live(8);
  EXPECT_LE(program.limit.limit(), 4U);
}

TEST_F(Machine, HoldsStill) {
  Clients program({.computes = 20, .sleeps = 30}, 64);
  clients = {&program};
  live(4);
  unsigned changes = 0;
  for (unsigned before = program.limit.limit(), i = 0; i < 100; ++i) {
    live(0.1);
    changes += program.limit.limit() != before ? 1 : 0;
    before = program.limit.limit();
  }
  EXPECT_LE(changes, 25U);
}

TEST_F(Machine, ProgramsShareTheProcessors) {
  Clients computes({.computes = 50, .sleeps = 0}, 32);
  Clients also({.computes = 50, .sleeps = 0}, 32);
  Clients sleeps({.computes = 0.5, .sleeps = 100}, 64);
  clients = {&computes, &also, &sleeps};
  live(5);
  EXPECT_GE(computes.limit.limit(), 1U);
  EXPECT_LE(computes.limit.limit(), 2U);
  EXPECT_GE(also.limit.limit(), 1U);
  EXPECT_LE(also.limit.limit(), 2U);
  EXPECT_GE(sleeps.limit.limit(), 64U);
}

TEST_F(Machine, NeverMoreThanIsConfigured) {
  most = 10;
  Clients program({.computes = 0.1, .sleeps = 100}, 64);
  clients = {&program};
  live(2);
  EXPECT_EQ(highest, 10U);
  EXPECT_EQ(program.limit.reason(), LimitReason::max);
  most = 1;
  live(0.2);
  EXPECT_EQ(program.limit.limit(), 1U);
}

TEST_F(Machine, ALimitThatIsNotUsedIsForgotten) {
  Clients program({.computes = 2, .sleeps = 200}, 64);
  clients = {&program};
  live(4);
  EXPECT_GE(program.limit.limit(), 64U);
  EXPECT_FALSE(program.limit.is_at_rest());
  program.ask(0);
  live(60);
  EXPECT_TRUE(program.limit.is_at_rest());
  EXPECT_LE(program.limit.limit(), 25U) << "as many as are brief";
}

TEST(AutoLimit, NeverLessThanOne) {
  AutoLimit limit(1, 2, 2);
  for (int i = 0; i < 100; ++i) {
    limit.see({.running = 2, .waiting = 9, .active = 1, .load = 50});
    limit.step(0.01, 256);
  }
  EXPECT_EQ(limit.limit(), 1U);
}

TEST(ShareProcessors, ToEachWhatItWishesAsFarAsAllCanHaveIt) {
  EXPECT_THAT(share_processors(4, std::vector<double>{10, 1, 10}), ElementsAre(1.5, 4.0 / 3, 1.5));
  EXPECT_THAT(share_processors(2, std::vector<double>{5}), ElementsAre(2));
  EXPECT_THAT(share_processors(2, std::vector<double>{5, 5, 5, 5}), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(share_processors(2, std::vector<double>{}), ElementsAre());
}

}  // namespace
}  // namespace cgisrv::admission
