#include "base/memory.h"

#include <gtest/gtest.h>

#include <new>

namespace cgisrv::memory {
namespace {

class MemoryTest : public testing::Test {
 protected:
  MemoryTest() { keep_reserve(); }
  ~MemoryTest() override { std::set_new_handler(before); }
  std::new_handler before = std::get_new_handler();
};

TEST_F(MemoryTest, ReserveIsGivenBackAndTakenAgain) {
  EXPECT_TRUE(sufficient());
  std::get_new_handler()();  // what operator new does when malloc fails: it then tries again
  EXPECT_TRUE(sufficient());
  std::get_new_handler()();
}

using MemoryDeathTest = MemoryTest;

TEST_F(MemoryDeathTest, WithNothingLeftItSaysSoAndAborts) {
  EXPECT_DEATH(
      {
        for (;;)
          std::get_new_handler()();
      },
      "no memory is left");
}

}  // namespace
}  // namespace cgisrv::memory
