#include "process/sd_notify.h"

#include <cgisrv/fd.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "../temporary_directory.h"

namespace cgisrv::process {
namespace {

using std::chrono::microseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// A manager's end: a bound datagram socket, and the variables that name it.
class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() { bind(directory_.path() + "/notify"); }
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
      ::unsetenv(name);
  }

  void bind(const std::string& name) {
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  // The next message; empty: there is none.
  std::string heard() {
    std::string message(1000, '\0');
    const auto size = ::recv(socket_.get(), message.data(), message.size(), 0);
    message.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return message;
  }

  TemporaryDirectory directory_;
  Fd socket_;
};

TEST_F(ServiceManagerTest, HearsEachStateOfTheService) {
  const auto sd_notify = SdNotify::take();
  ASSERT_TRUE(sd_notify.present());
  EXPECT_TRUE(sd_notify.ready("serving"));
  EXPECT_EQ(heard(), "READY=1\nSTATUS=serving");
  EXPECT_TRUE(sd_notify.status("2 of 2"));
  EXPECT_EQ(heard(), "STATUS=2 of 2");
  EXPECT_TRUE(sd_notify.alive());
  EXPECT_EQ(heard(), "WATCHDOG=1");
  EXPECT_TRUE(sd_notify.main_pid(4711));
  EXPECT_EQ(heard(), "MAINPID=4711");
  EXPECT_TRUE(sd_notify.stopping("finishing", {}));
  EXPECT_EQ(heard(), "STOPPING=1\nSTATUS=finishing");
  EXPECT_TRUE(sd_notify.stopping("finishing", std::chrono::seconds(40)));
  EXPECT_EQ(heard(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000\nSTATUS=finishing");
  EXPECT_EQ(heard(), "");
}

// In one message, as sd_notify(3) asks for.
TEST_F(ServiceManagerTest, HearsWhenAReloadBegan) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
  };
  const auto before = now();
  EXPECT_TRUE(SdNotify::take().reloading("reading"));
  long long told = 0;
  ASSERT_EQ(std::sscanf(heard().c_str(), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading", &told),
            1);
  EXPECT_GE(told, before);
  EXPECT_LE(told, now());
}

TEST_F(ServiceManagerTest, MayHaveAnAbstractAddress) {
  bind("@cgisrv-test-" + std::to_string(::getpid()));
  EXPECT_TRUE(SdNotify::take().alive());
  EXPECT_EQ(heard(), "WATCHDOG=1");
}

TEST_F(ServiceManagerTest, StatusIsOneLine) {
  SdNotify::take().status("a\nMAINPID=1");
  EXPECT_EQ(heard(), "STATUS=a MAINPID=1");
}

TEST_F(ServiceManagerTest, VariablesAreTakenAndPassedOnToASuccessor) {
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const auto sd_notify = SdNotify::take();
  EXPECT_EQ(sd_notify.watchdog(), microseconds(3'000'000));
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    EXPECT_EQ(std::getenv(name), nullptr) << name;
  EXPECT_THAT(sd_notify.variables(), ElementsAre("NOTIFY_SOCKET=" + directory_.path() + "/notify",
                                                 "WATCHDOG_USEC=3000000"));
}

TEST_F(ServiceManagerTest, WatchdogOfAnotherProcessIsNotOurs) {
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(SdNotify::take().watchdog(), microseconds(0));
}

TEST_F(ServiceManagerTest, NoneIsThereWithoutAnAddress) {
  for (const char* address : {"", "relative", "@", "vsock:2:1234"}) {
    ::setenv("NOTIFY_SOCKET", address, 1);
    const auto sd_notify = SdNotify::take();
    EXPECT_FALSE(sd_notify.present()) << address;
    EXPECT_TRUE(sd_notify.ready("serving"));
    EXPECT_THAT(sd_notify.variables(), IsEmpty());
  }
}

// One that reads nothing: its queue is full some time, and we go on.
TEST_F(ServiceManagerTest, NeverWaits) {
  const auto sd_notify = SdNotify::take();
  int sent = 0;
  while (sent < 100'000 && sd_notify.alive())
    ++sent;
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 100'000);
}

TEST_F(ServiceManagerTest, OneThatIsGoneIsNoHarm) {
  const auto sd_notify = SdNotify::take();
  socket_.reset();
  EXPECT_FALSE(sd_notify.ready("serving"));
}

}  // namespace
}  // namespace cgisrv::process
