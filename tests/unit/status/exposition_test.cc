#include "status/exposition.h"

#include <gtest/gtest.h>

#include <memory>

namespace cgisrv::status {
namespace {

using std::chrono::microseconds;

TEST(Exposition, SamplesFollowTheirFamily) {
  Exposition out;
  out.family("a_total", "counter", "What it counts.");
  out.sample({}, 3);
  out.sample({{"site", "x"}, {"status", "200"}}, 18'446'744'073'709);
  EXPECT_EQ(out.text(),
            "# HELP a_total What it counts.\n# TYPE a_total counter\n"
            "a_total 3\na_total{site=\"x\",status=\"200\"} 18446744073709\n");
}

TEST(Exposition, EscapesWhatLabelsHold) {
  Exposition out;
  out.family("a", "gauge", "b");
  out.sample({{"file", "q\"b\\n\nb\xff\xc3\xa9"}}, 1);
  EXPECT_TRUE(out.text().ends_with("a{file=\"q\\\"b\\\\n\\\\x0ab\\\\xff\xc3\xa9\"} 1\n"))
      << out.text();
}

TEST(Exposition, AHistogramAddsUp) {
  const auto histogram = std::make_unique<account::Histogram>();
  for (const int value : {100, 300, 2'000'000, 100'000'000})
    histogram->add(microseconds(value));
  Exposition out;
  out.family("h", "histogram", "b");
  out.histogram({{"p", "x"}}, histogram->counts(), histogram->sum());
  EXPECT_EQ(out.text(), R"(# HELP h b
# TYPE h histogram
h_bucket{p="x",le="0.000256"} 1
h_bucket{p="x",le="0.001024"} 2
h_bucket{p="x",le="0.004096"} 2
h_bucket{p="x",le="0.016384"} 2
h_bucket{p="x",le="0.065536"} 2
h_bucket{p="x",le="0.262144"} 2
h_bucket{p="x",le="1.048576"} 2
h_bucket{p="x",le="4.194304"} 3
h_bucket{p="x",le="16.777216"} 3
h_bucket{p="x",le="67.108864"} 3
h_bucket{p="x",le="+Inf"} 4
h_sum{p="x"} 102.0004
h_count{p="x"} 4
)");
}

}  // namespace
}  // namespace cgisrv::status
