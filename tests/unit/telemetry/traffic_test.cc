#include "telemetry/traffic.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

namespace cgisrv::telemetry {
namespace {

class TrafficTest : public testing::Test {
 protected:
  std::map<std::string, std::uint64_t> rows() const {
    std::map<std::string, std::uint64_t> found;
    traffic_->each([&](const TrafficRow& row) {
      found[std::string(row.site()) + " " + std::string(row.location())] += row.with_status(200);
    });
    return found;
  }
  std::unique_ptr<Traffic> traffic_ = std::make_unique<Traffic>();
};

TEST_F(TrafficTest, ARowIsFoundAgainByItsName) {
  TrafficRow& row = traffic_->find("example.org", "/cgi-bin/");
  EXPECT_EQ(&traffic_->find("example.org", "/cgi-bin/"), &row);
  EXPECT_NE(&traffic_->find("example.org", "/"), &row);
  EXPECT_NE(&traffic_->find("example.net", "/cgi-bin/"), &row);
  EXPECT_EQ(row.site(), "example.org");
  EXPECT_EQ(row.location(), "/cgi-bin/");
}

TEST_F(TrafficTest, CountsByStatus) {
  TrafficRow& row = traffic_->find("*", "*");
  for (const int status : {100, 200, 200, 599, 0, 600, -7, 12345})
    row.count(status);
  EXPECT_EQ(row.with_status(100), 1U);
  EXPECT_EQ(row.with_status(200), 2U);
  EXPECT_EQ(row.with_status(599), 5U) << "with all that are none";
}

TEST_F(TrafficTest, FurtherRowsShareTheLast) {
  for (unsigned i = 0; i < 2 * traffic_rows_max; ++i)
    traffic_->find("site", "/" + std::to_string(i) + "/").count(200);
  const auto found = rows();
  EXPECT_EQ(found.size(), traffic_rows_max);
  EXPECT_EQ(found.at("(other) (other)"), traffic_rows_max + 1);
}

TEST_F(TrafficTest, ALongNameIsCut) {
  EXPECT_EQ(traffic_->find(std::string(500, 'x'), "/").site().size(), 119U);
}

}  // namespace
}  // namespace cgisrv::telemetry
