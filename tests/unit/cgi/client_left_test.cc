// Runs whose client leaves them.
#include "running.h"

namespace cgisrv::cgi {
namespace {

class DetachedRun : public Running {
 protected:
  DetachedRun() { options.on_disconnect = OnDisconnect::finish; }
  // As an exchange does when its client is gone; returns whether the run goes on.
  bool leave() {
    exchange.gone = run->client_left();
    if (!exchange.gone) run.reset();
    return exchange.gone;
  }
  bool has(const std::string& name) {
    return ::access((directory.path() + "/" + name).c_str(), F_OK) == 0;
  }
};

TEST_F(DetachedRun, GoesOnToItsEnd) {
  start(head + std::string("echo > begun; sleep 0.1; head -c 300000 /dev/zero; echo > ended"));
  ASSERT_TRUE(until([&] { return has("begun"); }));
  ASSERT_TRUE(leave());
  EXPECT_FALSE(exchange.over());
  expect_over();
  EXPECT_TRUE(has("ended"));
  EXPECT_EQ(exchange.end, End::finished);
}

TEST_F(DetachedRun, EndsWithItsExchange) {
  start("trap 'echo > told; exit' TERM; sleep 100 & echo $$ > pid; wait");
  ASSERT_TRUE(until([&] { return has("pid"); }));
  ASSERT_TRUE(leave());
  run.reset();
  EXPECT_FALSE(context.reaper.idle());
  EXPECT_TRUE(until([&] { return context.reaper.idle(); }));
  EXPECT_TRUE(has("told"));
}

TEST_F(DetachedRun, DoesNotGoOnUnlessItMay) {
  options.on_disconnect = OnDisconnect::term;
  start("exec sleep 100");
  EXPECT_FALSE(leave());
}

TEST_F(DetachedRun, DoesNotGoOnWithHalfItsInput) {
  options.spool_memory = 0;
  with_body(http::Framing::length, 10);
  start("cat > input; echo > ended");
  arrive("half", false);
  EXPECT_FALSE(leave());
  EXPECT_TRUE(until([&] { return context.reaper.idle(); }));
  EXPECT_FALSE(has("ended"));
}

// More than a pipe holds: what it has not read yet was collected, and outlives its client.
TEST_F(DetachedRun, GoesOnWithAnInputThatWasCollected) {
  with_body(http::Framing::length, 300'000);
  start("echo > begun; while [ ! -e go ]; do sleep 0.01; done; wc -c > count; echo > ended");
  arrive(std::string(300'000, 'x'), true);
  ASSERT_TRUE(until([&] { return has("begun"); }));
  ASSERT_TRUE(leave());
  directory.file("go");
  expect_over();
  EXPECT_TRUE(has("ended"));
  std::ifstream file(directory.path() + "/count");
  unsigned count = 0;
  file >> count;
  EXPECT_EQ(count, 300'000U);
}

TEST_F(DetachedRun, IsOverWhenItIsOver) {
  walk(head + std::string("echo all"));
  EXPECT_FALSE(leave());
}

}  // namespace
}  // namespace cgisrv::cgi
