#include "worker/tls_stage.h"

#include <cgisrv/fd.h>
#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <vector>

#include "../run_until.h"
#include "../temporary_directory.h"
#include "../tls/authority.h"
#include "config/config.h"

namespace cgisrv::worker {
namespace {

using testing::ElementsAre;

// Clients that speak in the clear: that ends a handshake at once, and `ready` is as slow as one.
class TlsStageTest : public testing::Test {
 protected:
  TlsStageTest() {
    keys.rotate();
    const tls::Authority authority("an authority");
    const tls::Key key = tls::new_ecdsa_key();
    auto loaded = tls::Certificate::load(
        files.file("c.pem", 0644, tls::pem_of(authority.sign(key.get(), "DNS:a.example").get())),
        files.file("k.pem", 0600, tls::pem_of(key.get())));
    std::vector<tls::Contexts::Site> sites(1);
    sites[0].certificates.push_back(std::move(*loaded));
    contexts = std::move(*tls::Contexts::make(sites, keys));
  }

  void connect(std::string_view says) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    clients.emplace_back(ends[1]);
    ASSERT_EQ(::write(ends[1], says.data(), says.size()), static_cast<ssize_t>(says.size()));
    pool::Connection connection;
    connection.socket.reset(ends[0]);
    listener->accepted(std::move(connection), nullptr, false);
  }
  void handed_over() {
    done.push_back(turn);
    for (const TimePoint end = Clock::now() + TlsStage::share; Clock::now() < end;) {
    }
  }

  TemporaryDirectory files;
  Loop loop;
  config::Config config;
  tls::TicketKeys keys;
  std::unique_ptr<tls::Contexts> contexts;
  std::vector<Fd> clients;
  std::vector<int> done;  // in which turn of the loop each was handed over
  int turn = 0;
  void serve() { ++turn; }
  // What else is served in each: a descriptor that is always ready.
  WatchedFd other{loop, Fd(::eventfd(1, EFD_CLOEXEC)), EPOLLIN,
                  WatchCallback::of<&TlsStageTest::serve>(*this)};
  std::unique_ptr<TlsStage> listener;
};

TEST_F(TlsStageTest, OthersAreServedBetweenHandshakes) {
  listener = std::make_unique<TlsStage>(loop, config, contexts.get(), nullptr,
                                        [this](auto&&...) { handed_over(); });
  for (int i = 0; i < 3; ++i)
    connect("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  ASSERT_TRUE(run_until(loop, [&] { return done.size() == 3; }));
  EXPECT_LT(done[0], done[1]);
  EXPECT_LT(done[1], done[2]);
}

}  // namespace
}  // namespace cgisrv::worker
