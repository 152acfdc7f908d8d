// A connection of a service without a pool; the test is the client at the other end of a
// socketpair.
#pragma once

#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <utility>
#include <vector>

#include "../run_until.h"
#include "../temporary_directory.h"
#include "admission/admission_scheduler.h"
#include "base/log.h"
#include "worker/service.h"

namespace cgisrv::worker {

class FakeWorker final : public pool::Worker {
 public:
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view what) override { doing = what; }
  void check_finished() override {}
  void tell_master(std::string_view message) override {
    if (const auto said = admission::message_from(message)) said_.push_back(*said);
    deliver_.arm_after(config::Duration::zero());
  }
  // Who hears what the master answers.
  void answer(pool::Service& service) { service_ = &service; }

  int open_connections = 0;
  std::string doing;
  admission::Table table;

 private:
  void connection_opened() override { ++open_connections; }
  void connection_closed() override { --open_connections; }
  void deliver() {
    for (const admission::Message& message : std::exchange(said_, {}))
      scheduler_.on_message(0, message);
  }

  Loop loop_;
  pool::Service* service_ = nullptr;
  std::vector<admission::Message> said_;  // to the master, not yet heard
  Timer deliver_{loop_, Callback::of<&FakeWorker::deliver>(*this)};
  admission::AdmissionScheduler scheduler_{table, 100,
                                           [this](unsigned, const admission::Message& message) {
                                             service_->on_message(admission::bytes_of(message));
                                             return true;
                                           }};
};

inline config::Config make_config(const TemporaryDirectory& directory) {
  auto config = config::directory_config(directory.path());
  EXPECT_TRUE(config);
  config->access_log.path = "off";
  config->listen.push_back({.address = "unix:/test"});
  return *config;
}

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    ::signal(SIGPIPE, [](int) {});
    worker.answer(service);
    log::set_level(log::Level::fatal);
    // The programs have no children: nobody here would reap them, and a zombie keeps its group.
    directory.file("a.txt", 0644, "hello");
    directory.file("cat.cgi", 0755, "#!/bin/sh\necho Content-Type: text/plain; echo; exec cat\n");
    directory.file(
        "read.cgi", 0755,
        "#!/bin/sh\nread -r body\necho Content-Type: text/plain; echo; echo \"$body\"\n");
    directory.file("wait.cgi", 0755,
                   "#!/bin/sh\necho Content-Type: text/plain; echo; echo begun\n"
                   "while [ ! -e go ]; do :; done; echo done\n");
  }
  ~ConnectionTest() override {
    service.stop();
    EXPECT_TRUE(run_until(worker.loop(), [&] { return service.finished(); }));
    EXPECT_EQ(worker.open_connections, 0);
    log::set_level(log::Level::info);
  }
  void connect() {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    client.reset(ends[1]);
    received.clear();
    pool::Connection connection;
    connection.socket.reset(ends[0]);
    connection.guard = pool::ConnectionGuard(worker);
    service.accepted(std::move(connection));
  }
  void send(std::string_view bytes) {
    EXPECT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Adds what has arrived to `received`; whether the server has shut its side.
  bool receive() {
    std::array<char, 4096> bytes;
    ssize_t size = 0;
    while ((size = ::recv(client.get(), bytes.data(), bytes.size(), 0)) > 0)
      received.append(bytes.data(), static_cast<std::size_t>(size));
    return size == 0 || errno != EAGAIN;
  }
  bool until_received(std::string_view end) {
    return run_until(worker.loop(), [&] {
      receive();
      return received.ends_with(end);
    });
  }
  bool until_shut() {
    return run_until(worker.loop(), [&] { return receive(); });
  }
  bool until_freed() {
    return run_until(worker.loop(), [&] { return worker.open_connections == 0; });
  }
  // Whether a further request on this connection is answered.
  void expect_next_is_answered() {
    received.clear();
    send("GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(until_received("hello")) << received;
    EXPECT_THAT(received, testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  }

  TemporaryDirectory directory;
  FakeWorker worker;
  config::Config config = make_config(directory);
  config::ListenerOptions listen;
  std::vector<net::Address> addresses{*net::parse_address("unix:/test")};
  process::PidTable pid_table{1, 8};
  accesslog::AccessLog access_log = *accesslog::AccessLog::open(config.access_log);
  Service service{
      worker, config, {addresses, pid_table, worker.table, access_log, {256, 256}, {&listen}}};
  Fd client;
  std::string received;
};

}  // namespace cgisrv::worker
