#include "process/affinity.h"

#include <gtest/gtest.h>
#include <sched.h>

#include "shell.h"

namespace cgisrv::process {
namespace {

cpu_set_t processors() {
  cpu_set_t set;
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  return set;
}

// In a process of its own, for it cannot be undone.
template <typename Check>
void expect_in_child(Check check) {
  EXPECT_EXIT(::_exit(check() ? 0 : 1), testing::ExitedWithCode(0), "");
}

class Affinity : public testing::Test {
 protected:
  void SetUp() override {
    if (count < 2) GTEST_SKIP() << "there is one processor only";
  }
  const cpu_set_t all = processors();
  const unsigned count = CPU_COUNT(&all);
};

TEST_F(Affinity, GivesEachWorkerAProcessorOfItsOwn) {
  expect_in_child([&] {
    stay_on_one_processor(count - 1, count);
    const cpu_set_t last = processors();
    return CPU_COUNT(&last) == 1 && ::sched_getcpu() >= 0 && CPU_ISSET(::sched_getcpu(), &last);
  });
  expect_in_child([&] {
    stay_on_one_processor(0, count);
    const cpu_set_t first = processors();
    // Another than the last one's: the first of those that there are.
    int lowest = 0;
    while (!CPU_ISSET(lowest, &all))
      ++lowest;
    return CPU_COUNT(&first) == 1 && CPU_ISSET(lowest, &first);
  });
}

TEST_F(Affinity, MoreWorkersThanProcessorsShareThem) {
  expect_in_child([&] {
    stay_on_one_processor(count, 2 * count);
    const cpu_set_t set = processors();
    return CPU_COUNT(&set) == 1;
  });
}

TEST_F(Affinity, FewerWorkersThanProcessorsAreLeftToTheKernel) {
  expect_in_child([&] {
    stay_on_one_processor(0, count - 1);
    const cpu_set_t set = processors();
    return CPU_EQUAL(&set, &all) != 0;
  });
}

TEST_F(Affinity, ProgramsHaveThemAll) {
  const std::string question = "grep Cpus_allowed: /proc/self/status";
  const std::string before = Shell(question).line();
  ASSERT_NE(before, "");
  expect_in_child([&] {
    stay_on_one_processor(0, count);
    return Shell(question).line() == before;
  });
}

}  // namespace
}  // namespace cgisrv::process
