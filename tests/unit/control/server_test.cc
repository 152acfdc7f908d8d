#include "control/server.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "../run_until.h"
#include "../temporary_directory.h"
#include "control/client.h"
#include "control/directory.h"

namespace cgisrv::control {
namespace {

class ControlServer : public ::testing::Test {
 protected:
  // Answers at once what `answer` returns.
  using Answering = std::function<Answer(std::string_view verb, const ucred& peer)>;
  void open(Answering answer) {
    open_with([answer = std::move(answer)](std::string_view verb, const ucred& peer,
                                           const Reply& reply) { reply(answer(verb, peer)); });
  }
  void open_with(Server::Handler handler) {
    auto opened = Server::open(loop, folder.path(), std::move(handler));
    ASSERT_TRUE(opened) << opened.error().what;
    server = std::move(*opened);
  }
  // What a client in another thread does, while the loop runs here.
  template <typename Function>
  void run(Function client) {
    std::atomic<bool> done = false;
    std::thread thread([&] {
      client();
      done = true;
    });
    EXPECT_TRUE(run_until(loop, [&] { return done.load(); }));
    thread.join();
  }
  std::string ask(const std::string& line) {
    std::string text = "no connection";
    run([&] {
      if (auto client = Client::connect(server->path())) {
        const auto answer = client->ask(line);
        text = answer ? fmt::format("{} {}", answer->status, answer->text) : answer.error().what;
      }
    });
    return text;
  }

  TemporaryDirectory folder;
  Loop loop;
  std::unique_ptr<Server> server;
};

TEST_F(ControlServer, AnswersAVerbWithStatusAndText) {
  open([](std::string_view verb, const ucred& peer) {
    EXPECT_EQ(peer.uid, ::geteuid());
    EXPECT_EQ(peer.pid, ::getpid());
    return Answer{7, fmt::format("[{}]\nand more", verb)};
  });
  EXPECT_EQ(ask("status"), "7 [status]\nand more");
  EXPECT_EQ(ask(""), "7 []\nand more");
}

TEST_F(ControlServer, IsForItsUserAlone) {
  open([](std::string_view, const ucred&) { return Answer{}; });
  struct stat file {};
  ASSERT_EQ(::stat(server->path().c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600U);
}

TEST_F(ControlServer, LongAnswerComesWhole) {
  const std::string text(5'000'000, 'x');
  open([&](std::string_view, const ucred&) { return Answer{0, text}; });
  EXPECT_EQ(ask("status"), "0 " + text);
}

TEST_F(ControlServer, LongLineIsRefused) {
  open([](std::string_view, const ucred&) { return Answer{0, "taken"}; });
  EXPECT_EQ(ask(std::string(line_bytes_max - 1, 'x')), "0 taken");
  EXPECT_THAT(ask(std::string(line_bytes_max, 'x')), ::testing::HasSubstr("reset"));
}

TEST_F(ControlServer, SilentClientsMakeRoom) {
  open([](std::string_view, const ucred&) { return Answer{0, "here"}; });
  std::vector<Client> silent;
  run([&] {
    for (std::size_t i = 0; i < 2 * clients_max; ++i)
      if (auto client = Client::connect(server->path())) silent.push_back(std::move(*client));
  });
  EXPECT_EQ(silent.size(), 2 * clients_max);
  EXPECT_EQ(ask("status"), "0 here");
  run([&] {
    EXPECT_FALSE(silent.front().ask("status")) << "the oldest has made room";
    const auto answer = silent.back().ask("status");
    EXPECT_TRUE(answer && answer->text == "here") << "the youngest is still there";
  });
}

TEST_F(ControlServer, AnswerMayComeLater) {
  Reply kept;
  open_with([&](std::string_view verb, const ucred&, Reply reply) {
    if (verb == "wait") {
      kept = std::move(reply);
    } else {
      kept({3, "late"});
      kept({4, "said twice"});
      reply({0, "now"});
    }
  });
  run([&] {
    auto first = Client::connect(server->path());
    Result<Answer> late = fail("nothing");
    std::thread waiting([&] { late = first->ask("wait"); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto answer = Client::connect(server->path())->ask("go");
    waiting.join();
    EXPECT_TRUE(answer && answer->text == "now");
    ASSERT_TRUE(late);
    EXPECT_EQ(late->status, 3);
    EXPECT_EQ(late->text, "late");
  });
}

TEST_F(ControlServer, AnswerForOneWhoHasGoneIsNoHarm) {
  std::vector<Reply> kept;
  open_with([&](std::string_view, const ucred&, Reply reply) { kept.push_back(std::move(reply)); });
  run([&] { EXPECT_FALSE(Client::connect(server->path())->ask("wait", std::chrono::seconds(1))); });
  ASSERT_EQ(kept.size(), 1U);
  kept.front()({0, "too late"});
}

TEST_F(ControlServer, RemovesItsSocketAndThoseOfTheDead) {
  const std::string dead = folder.path() + "/1.sock";
  {
    Loop other;
    auto opened = Server::open(other, folder.path(), nullptr);
    ASSERT_TRUE(opened);
    ASSERT_EQ(::rename((*opened)->path().c_str(), dead.c_str()), 0);
  }
  ASSERT_EQ(::access(dead.c_str(), F_OK), 0);
  EXPECT_EQ(Client::connect(dead).error().code, ECONNREFUSED);
  open(nullptr);
  EXPECT_NE(::access(dead.c_str(), F_OK), 0);
  const std::string path = server->path();
  EXPECT_EQ(path, socket_path(folder.path(), ::getpid()));
  server.reset();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(ControlServer, LivingOnesSocketStays) {
  open(nullptr);
  remove_stale_sockets(folder.path());
  EXPECT_EQ(::access(server->path().c_str(), F_OK), 0);
}

TEST_F(ControlServer, LongPathIsAnErrorThatSaysSo) {
  const std::string deep = folder.directory(std::string(100, 'd'), 0700);
  const auto opened = Server::open(loop, deep, nullptr);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, ::testing::HasSubstr("at most 107 bytes"));
}

}  // namespace
}  // namespace cgisrv::control
