#include "process/pressure.h"

#include <gtest/gtest.h>

namespace cgisrv::process {
namespace {

TEST(ReadPressure, OfTheLastTenSeconds) {
  const auto pressure = read_pressure(
      "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=6.25 avg60=9.00\n");
  ASSERT_TRUE(pressure);
  EXPECT_EQ(pressure->some, 0.125);
  EXPECT_EQ(pressure->full, 0.0625);
}

TEST(ReadPressure, OfAnOldKernelHasNoSecondLine) {
  const auto pressure = read_pressure("some avg10=25.00 avg60=0.00 avg300=0.00 total=9\n");
  ASSERT_TRUE(pressure);
  EXPECT_EQ(pressure->some, 0.25);
  EXPECT_EQ(pressure->full, 0);
}

TEST(ReadPressure, OfNoOtherText) {
  for (const auto text :
       {"", "some", "some avg10=", "some avg10=x", "full avg10=1.00", "some avg10=-1"})
    EXPECT_FALSE(read_pressure(text)) << text;
}

TEST(OwnPressure, OfWhatHasNone) {
  EXPECT_FALSE(own_pressure("patience"));
}

}  // namespace
}  // namespace cgisrv::process
