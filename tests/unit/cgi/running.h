// What the tests of cgi::Run have in common: one run of one script, and what a worker lends to it.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "../run_until.h"
#include "../temporary_directory.h"
#include "base/log.h"
#include "cgi/run.h"
#include "fake_exchange.h"

namespace cgisrv::cgi {

class Running : public testing::Test {
 protected:
  using End = FakeExchange::End;

  Running() {
    EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    ::signal(SIGPIPE, [](int) {});
    log::set_level(log::Level::fatal);
    context.scratch = context.scratch.first(4096);
    exchange.asked.method = "GET";
    exchange.asked.raw_target = "/x.cgi";
    exchange.asked.target.path = "/x.cgi";
  }
  ~Running() override {
    run.reset();
    context.reaper.hurry(std::chrono::milliseconds(50));
    EXPECT_TRUE(run_until(loop, [&] { return context.reaper.idle(); }));
    log::set_level(log::Level::info);
  }

  // Begins to run a shell script.
  void start(const std::string& commands) {
    if (script.filename.empty())
      script.filename = directory.file("x.cgi", 0755, "#!/bin/sh\n" + commands + "\n");
    script.name = "/x.cgi";
    script.root = directory.path();
    run = std::make_unique<cgi::Run>(context, exchange,
                                     Answerer{script, endpoints, options, Redirected{}});
    run->start();
  }
  // Runs it to the end of the exchange.
  void walk(const std::string& commands) {
    start(commands);
    expect_over();
  }
  void expect_over() {
    EXPECT_TRUE(run_until(loop, [&] { return exchange.over(); }));
  }
  bool until(auto predicate) { return run_until(loop, predicate); }
  void with_body(http::Framing framing, std::uint64_t length = 0) {
    exchange.asked.method = "POST";
    exchange.asked.framing = framing;
    exchange.asked.content_length = length;
    exchange.all_arrived = false;
  }
  void arrive(std::string_view bytes, bool last) {
    exchange.arrived += bytes;
    exchange.all_arrived = last;
    run->body_ready();
  }
  // Whether that process ends, be it ours or adopted.
  bool goes(pid_t pid) {
    return run_until(loop, [&] {
      ::waitpid(pid, nullptr, WNOHANG);
      return ::kill(pid, 0) != 0 && errno == ESRCH;
    });
  }

  TemporaryDirectory directory;
  Loop loop;
  void idle() {}
  process::PidTable pid_table{1, 8};
  RunContext context{loop, pid_table, 0, {256, 256}, Callback::of<&Running::idle>(*this)};
  Endpoints endpoints{.remote_address = "127.0.0.1", .server_address = "127.0.0.1"};
  Options options;
  Script script;
  FakeExchange exchange;
  std::unique_ptr<cgi::Run> run;
};

inline constexpr auto head = "echo Content-Type: text/plain; echo; ";

}  // namespace cgisrv::cgi
