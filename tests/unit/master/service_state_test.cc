#include "master/service_state.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "../run_until.h"
#include "../temporary_directory.h"

namespace cgisrv::master {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// A pool whose workers are in the states that a test says.
class FakeMaster final : public pool::Master {
 public:
  Loop& loop() override { return loop_; }
  std::vector<pool::WorkerStatus> workers() const override { return states; }
  pool::PoolStatus status() const override { return {}; }
  void stop(pool::Stop) override {}
  std::string replace(pool::WorkerGroupSpec, Done) override { return {}; }
  const std::vector<Fd>& listeners() const override { return listeners_; }
  bool tell(unsigned, std::string_view) override { return true; }
  pid_t fork_apart(const std::function<void()>&) override { return -1; }

  std::vector<pool::WorkerStatus> states;

 private:
  Loop loop_;
  std::vector<Fd> listeners_;
};

class ServiceStateTest : public testing::Test {
 protected:
  ServiceStateTest() {
    const auto path = directory_.path() + "/notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "20000", 1);
    sd_notify_ = process::SdNotify::take();
  }

  // All messages so far.
  std::string heard() {
    std::string all;
    std::string message(1000, '\0');
    for (ssize_t size; (size = ::recv(socket_.get(), message.data(), message.size(), 0)) >= 0;)
      all.append(message, 0, static_cast<std::size_t>(size)).append("\n");
    return all;
  }
  std::string heard_for(milliseconds time) {
    run_for(master_.loop(), time);
    return heard();
  }

  TemporaryDirectory directory_;
  Fd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  process::SdNotify sd_notify_;
  FakeMaster master_;
};

TEST_F(ServiceStateTest, IsAliveWhileAWorkerRuns) {
  master_.states = {{.state = "running"}, {.state = "down"}};
  ServiceState state(sd_notify_, master_, "/srv/www");
  EXPECT_EQ(heard_for(milliseconds(100)), "") << "it is not ready yet";
  state.ready();
  EXPECT_EQ(heard(), "READY=1\nSTATUS=Serving /srv/www; workers: 1 running, 1 down\nWATCHDOG=1\n");
  EXPECT_TRUE(run_until(master_.loop(), [this] { return heard() == "WATCHDOG=1\n"; }));
}

TEST_F(ServiceStateTest, IsNotAliveWhenNoWorkerRuns) {
  master_.states = {{.state = "running"}};
  ServiceState state(sd_notify_, master_, "/srv/www");
  state.ready();
  heard();
  master_.states = {{.state = "down"}, {.state = "killed"}, {.state = "starting"}};
  EXPECT_EQ(heard_for(milliseconds(200)),
            "STATUS=Serving /srv/www; workers: 1 starting, 1 killed, 1 down\n");
  master_.states = {{.state = "running"}};
  EXPECT_THAT(heard_for(milliseconds(200)), HasSubstr("WATCHDOG=1\n"));
}

TEST_F(ServiceStateTest, IsAliveWhileItEnds) {
  master_.states = {{.state = "draining"}};
  ServiceState state(sd_notify_, master_, "/srv/www");
  state.ready();
  state.stopping(milliseconds::max());
  EXPECT_THAT(heard(), HasSubstr("STOPPING=1\nSTATUS=Ending; workers: 1 draining\n"));
  EXPECT_THAT(heard_for(milliseconds(200)), HasSubstr("WATCHDOG=1\n"));
}

// Else the manager would kill it by its own configuration, which knows nothing of ours.
TEST_F(ServiceStateTest, SaysHowLongItsEndMayTake) {
  ServiceState state(sd_notify_, master_, "/srv/www");
  state.stopping(std::chrono::minutes(1));
  EXPECT_THAT(heard(), HasSubstr("STOPPING=1\nEXTEND_TIMEOUT_USEC=70000000\nSTATUS=Ending"));
}

TEST_F(ServiceStateTest, TellsThatItIsDrained) {
  master_.states = {{.state = "running"}};
  ServiceState state(sd_notify_, master_, "/srv/www");
  state.drained(true);  // before an upgrade
  EXPECT_EQ(heard(), "");
  state.ready();
  EXPECT_THAT(heard(), HasSubstr("STATUS=Drained, and still serving /srv/www; "));
  state.drained(false);
  EXPECT_EQ(heard(), "STATUS=Serving /srv/www; workers: 1 running\n");
  state.reloading();
  heard();
  state.drained(true);
  EXPECT_EQ(heard(), "");
  state.ready();
  EXPECT_THAT(heard(), HasSubstr("STATUS=Drained, "));
}

TEST_F(ServiceStateTest, TellsAgainWhatAManagerHadNoRoomFor) {
  master_.states = {{.state = "running"}};
  ServiceState state(sd_notify_, master_, "/srv/www");
  while (sd_notify_.status("full")) {
  }
  state.ready();
  heard();
  EXPECT_TRUE(run_until(master_.loop(), [this] { return heard().contains("READY=1\n"); }));
  EXPECT_THAT(heard_for(milliseconds(100)), testing::Not(HasSubstr("READY=1")));
}

TEST_F(ServiceStateTest, TellsOfAReload) {
  master_.states = {{.state = "running"}};
  ServiceState state(sd_notify_, master_, "/srv/www");
  state.reloading();
  EXPECT_THAT(heard(), testing::MatchesRegex(
                           "RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=Reloading /srv/www; .*"));
}

}  // namespace
}  // namespace cgisrv::master
