// A worker with a host of exchanges, whose handlers do what a test says.
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "../run_until.h"
#include "base/log.h"
#include "config/config.h"
#include "exchange/exchange.h"
#include "scripted_wire.h"

namespace cgisrv::exchange {

class LoneWorker final : public pool::Worker {
 public:
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view what) override { doing = what; }
  void check_finished() override { ++checked; }
  void retire() override { ++retired; }
  void tell_master(std::string_view) override {}

  std::string doing;
  int retired = 0;
  int checked = 0;

 private:
  void connection_opened() override {}
  void connection_closed() override {}
  Loop loop_;
};

// Does what the test says.
class TestHandler final : public handler::Handler {
 public:
  TestHandler(handler::Exchange& exchange, std::function<void(handler::Exchange&)> on_start)
      : exchange_(exchange), on_start_(std::move(on_start)) {
    ++alive;
  }
  TestHandler(const TestHandler&) = delete;
  TestHandler& operator=(const TestHandler&) = delete;
  ~TestHandler() override { --alive; }
  void start() override { on_start_(exchange_); }
  void body_ready() override { ++told_of_body; }
  void body_failed() override { ++told_of_fault; }
  bool client_left() override { return goes_on; }

  static inline int alive = 0;
  static inline int told_of_body = 0;
  static inline int told_of_fault = 0;
  static inline bool goes_on = false;

 private:
  handler::Exchange& exchange_;
  std::function<void(handler::Exchange&)> on_start_;
};

class TestHost final : public Host {
 public:
  using Host::Host;
  Routing route(Exchange&) override {
    Routing routing{.body_bytes_max = body_bytes_max};
    const config::AnswerRules& rules = location.answers;
    const bool has_rules = !rules.error_pages.empty() || rules.compress;
    routing.located.location = has_rules ? &location : nullptr;
    return routing;
  }
  std::unique_ptr<handler::Handler> answer(Exchange& exchange, Routing&) override {
    return std::make_unique<TestHandler>(exchange, act);
  }
  std::function<void(handler::Exchange&)> act;
  config::Location location;
  std::uint64_t body_bytes_max = config::bytes_unlimited;
};

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() {
    log::set_level(log::Level::fatal);
    TestHandler::told_of_body = TestHandler::told_of_fault = 0;
    TestHandler::goes_on = false;
  }
  ~ExchangeTest() override {
    run_for(worker.loop(), Clock::duration::zero());
    EXPECT_EQ(TestHandler::alive, 0);
    log::set_level(log::Level::info);
  }
  void run(ScriptedWire& wire) {
    EXPECT_TRUE(run_until(worker.loop(), [&] { return wire.over(); }));
  }

  LoneWorker worker;
  config::Config config;
  TestHost host{worker, config, nullptr};
  const Script get{.target = "/x"};
  const Script post{.method = "POST", .target = "/x", .body = {"abc", "def"}};
};

}  // namespace cgisrv::exchange
