// Runs whose client leaves them.
#include "cgi/unattended.h"

#include "cgi/run.h"
#include "running.h"

namespace cgisrv::cgi {
namespace {

class UnattendedRun : public Running {
 protected:
  UnattendedRun() {
    context.unattended = &unattended;
    options.on_disconnect = OnDisconnect::finish;
  }
  // As a connection does when its client is gone; returns whether the run goes on.
  bool leave() {
    std::unique_ptr<http::Handler> handler = std::move(run);
    handler->client_left(handler);
    return handler == nullptr;
  }
  bool has(const std::string& name) {
    return ::access((directory.path() + "/" + name).c_str(), F_OK) == 0;
  }
  void idle_again(std::uint32_t) { ++idle_calls; }

  unsigned idle_calls = 0;
  Unattended unattended{loop, Callback::of<&UnattendedRun::idle_again>(*this)};
};

TEST_F(UnattendedRun, GoesOnToItsEnd) {
  start(head + std::string("echo > begun; sleep 0.1; head -c 300000 /dev/zero; echo > ended"));
  ASSERT_TRUE(until([&] { return has("begun"); }));
  ASSERT_TRUE(leave());
  EXPECT_FALSE(unattended.idle());
  EXPECT_TRUE(until([&] { return unattended.idle(); }));
  EXPECT_TRUE(has("ended"));
  EXPECT_EQ(idle_calls, 1U);
  EXPECT_FALSE(exchange.over()) << "it used the exchange that was gone";
}

TEST_F(UnattendedRun, IsLetGoOfWithTheOthers) {
  start("trap 'echo > told; exit' TERM; sleep 100 & echo $$ > pid; wait");
  ASSERT_TRUE(until([&] { return has("pid"); }));
  ASSERT_TRUE(leave());
  unattended.end();
  EXPECT_TRUE(unattended.idle());
  EXPECT_FALSE(reaper.idle());
  EXPECT_TRUE(until([&] { return reaper.idle(); }));
  EXPECT_TRUE(has("told"));
}

TEST_F(UnattendedRun, DoesNotGoOnUnlessItMay) {
  options.on_disconnect = OnDisconnect::term;
  start("exec sleep 100");
  EXPECT_FALSE(leave());
}

TEST_F(UnattendedRun, DoesNotGoOnWithHalfItsInput) {
  with_body(http::Framing::length, 10);
  start("cat > input; echo > ended");
  arrive("half", false);
  EXPECT_FALSE(leave());
  EXPECT_TRUE(until([&] { return reaper.idle(); }));
  EXPECT_FALSE(has("ended"));
}

TEST_F(UnattendedRun, IsOverWhenItIsOver) {
  walk(head + std::string("echo all"));
  EXPECT_FALSE(leave());
}

}  // namespace
}  // namespace cgisrv::cgi
