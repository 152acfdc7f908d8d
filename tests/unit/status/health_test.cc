#include "status/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgisrv::status {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// One worker of two has room; nothing runs.
Report serving() {
  Report report;
  report.server.state = "serving";
  report.workers = {{.state = "running", .connections = 10, .connections_max = 10},
                    {.state = "running", .connections = 9, .connections_max = 10}};
  report.admission = {.running = 0, .waiting = 0, .limit = 4};
  return report;
}

Report::Program program(std::uint64_t running, std::uint64_t waiting) {
  return {.running = running, .waiting = waiting, .limit = 2, .queue_size = 3};
}

TEST(Alive, WhileTheMasterShowsIt) {
  EXPECT_EQ(why_not_alive(milliseconds(1100)), "");
  EXPECT_THAT(why_not_alive(milliseconds(7300)), HasSubstr("for 7 s"));
}

TEST(Ready, NeitherBeforeNorAfter) {
  Report report = serving();
  EXPECT_EQ(why_not_ready(report), "");
  for (const char* const state : {"starting", "finishing", "stopping"}) {
    report.server.state = state;
    EXPECT_EQ(why_not_ready(report), state);
  }
}

TEST(Ready, NotWhileItIsDrained) {
  Report report = serving();
  report.server.state = "drained";
  EXPECT_EQ(why_not_ready(report), "drained by the administrator");
  report.server.state = "maintenance";
  EXPECT_EQ(why_not_ready(report), "drained by the administrator, for maintenance");
}

TEST(Ready, NotWithoutRoomForAConnection) {
  Report report = serving();
  report.workers[1].connections = 10;
  EXPECT_THAT(why_not_ready(report), HasSubstr("room for a connection"));
  report.workers.push_back({.state = "starting", .connections = 0, .connections_max = 10});
  EXPECT_NE(why_not_ready(report), "");
  report.workers.back().state = "running";
  EXPECT_EQ(why_not_ready(report), "");
}

TEST(Ready, HoweverManyRequestsWait) {
  Report report = serving();
  report.programs = {program(4, 3), program(0, 3)};
  report.admission.running = 4;
  EXPECT_EQ(why_not_ready(report), "");
}

}  // namespace
}  // namespace cgisrv::status
