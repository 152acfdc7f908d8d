// What an exchange promises to wires and handlers, in every order.
#include "exchange/exchange.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "exchange_fixture.h"

namespace cgisrv::exchange {
namespace {

using Body = Exchange::Body;
using Reply = Exchange::Reply;

TEST_F(ExchangeTest, WhatIsSaidAfterTheEndIsIgnored) {
  host.act = [](handler::Exchange& exchange) {
    exchange.respond({.content_length = 3});
    exchange.write("abcdef");  // only what was announced
    exchange.finish();
    exchange.write("late");
    exchange.respond({.status = 500});
    exchange.fail({});
    exchange.redirect("/other", {});
    exchange.abort();
    EXPECT_EQ(exchange.room(), 0U);
    EXPECT_EQ(exchange.body(), "");
    EXPECT_FALSE(exchange.body_complete());
  };
  ScriptedWire wire(worker.loop(), host, get);
  wire.start();
  EXPECT_TRUE(wire.over());
  EXPECT_EQ(wire.result().status, 200);
  EXPECT_EQ(wire.result().content, "abc");
  EXPECT_TRUE(wire.result().whole);
  EXPECT_EQ(worker.doing, "GET /x");
}

TEST_F(ExchangeTest, AnAnswerThatIsTooShortIsNotWhole) {
  host.act = [](handler::Exchange& exchange) {
    exchange.respond({.content_length = 3});
    exchange.write("ab");
    EXPECT_EQ(exchange.missing(), 1U);
    EXPECT_FALSE(exchange.leave());
    exchange.finish();
  };
  ScriptedWire wire(worker.loop(), host, get);
  wire.start();
  run(wire);
  EXPECT_EQ(wire.result().content, "ab");
  EXPECT_FALSE(wire.result().whole);
}

TEST_F(ExchangeTest, AHandlerMayGoOnAfterAWholeAnswer) {
  handler::Exchange* seen = nullptr;
  host.act = [&](handler::Exchange& exchange) {
    exchange.respond({.content_length = 0});
    EXPECT_TRUE(exchange.leave());
    seen = &exchange;
  };
  ScriptedWire wire(worker.loop(), host, get);
  wire.start();
  EXPECT_TRUE(wire.over());
  EXPECT_TRUE(wire.result().whole);
  run_for(worker.loop(), Clock::duration::zero());
  EXPECT_EQ(TestHandler::alive, 1);
  EXPECT_FALSE(host.idle());
  seen->finish();
  EXPECT_TRUE(host.idle());
  EXPECT_EQ(worker.checked, 1);
}

TEST_F(ExchangeTest, AHandlerThatGoesOnHasRoomAndNoClient) {
  TestHandler::goes_on = true;
  handler::Exchange* seen = nullptr;
  host.act = [&](handler::Exchange& exchange) {
    exchange.open_body();
    seen = &exchange;
  };
  ScriptedWire wire(worker.loop(), host, post);
  wire.start();
  wire.leave();
  EXPECT_FALSE(host.idle());
  EXPECT_GT(seen->room(), 0U);
  EXPECT_EQ(seen->body(), "");
  EXPECT_TRUE(seen->body_complete());
  seen->respond({.content_length = 3});
  seen->write("abc");
  seen->flush();
  seen->fail({.reason = "nobody hears of it"});
  EXPECT_TRUE(host.idle());
  EXPECT_EQ(wire.result().status, 0);
}

TEST_F(ExchangeTest, AWorkerThatStopsEndsWhatGoesOn) {
  TestHandler::goes_on = true;
  host.act = [](handler::Exchange&) {};
  ScriptedWire wire(worker.loop(), host, get);
  wire.start();
  wire.leave();
  EXPECT_EQ(TestHandler::alive, 1);
  host.end_detached();
  EXPECT_EQ(TestHandler::alive, 0);
}

TEST_F(ExchangeTest, OriginFieldsAreAddedOnce) {
  host.act = [](handler::Exchange& exchange) {
    exchange.respond({.fields = {{"server", "mine"}}, .content_length = 0});
    exchange.finish();
  };
  ScriptedWire wire(worker.loop(), host, get);
  wire.start();
  ASSERT_EQ(wire.result().fields.size(), 3U);
  EXPECT_EQ(wire.result().fields[0].value, "mine");
  EXPECT_EQ(wire.result().fields[1].name, "Date");
  EXPECT_EQ(wire.result().fields[2].name, "Content-Length");
}

TEST_F(ExchangeTest, TheHandlerHearsOfABodyThatItHasOpened) {
  host.act = [](handler::Exchange&) {};
  ScriptedWire closed(worker.loop(), host, post);
  closed.start();
  run_for(worker.loop(), std::chrono::milliseconds(5));
  EXPECT_EQ(TestHandler::told_of_body, 0);

  host.act = [](handler::Exchange& exchange) { exchange.open_body(); };
  ScriptedWire open(worker.loop(), host, post);
  open.start();
  EXPECT_TRUE(run_until(worker.loop(), [] { return TestHandler::told_of_body > 0; }));
  EXPECT_EQ(open.exchange().body_state(), Body::open);
}

// The handler is on the stack as it is noticed.
TEST_F(ExchangeTest, ABodysFaultIsActedUponLater) {
  host.act = [](handler::Exchange& exchange) {
    exchange.open_body();
    auto& self = dynamic_cast<Exchange&>(exchange);
    self.body_failed(408, "too slow");
    self.body_failed(400, "the first counts");
    EXPECT_EQ(self.body_state(), Body::faulted);
    EXPECT_EQ(self.reply(), Reply::none);
    EXPECT_EQ(TestHandler::told_of_fault, 0);
  };
  ScriptedWire wire(worker.loop(), host, post);
  wire.start();
  EXPECT_TRUE(wire.exchange().body_is_lost());
  run(wire);
  EXPECT_EQ(TestHandler::told_of_fault, 1);
  EXPECT_EQ(wire.result().status, 408);
  EXPECT_TRUE(wire.result().whole);
}

TEST_F(ExchangeTest, ABodysFaultCutsAnAnswerThatHasBegun) {
  host.act = [](handler::Exchange& exchange) {
    exchange.open_body();
    exchange.respond({});
    exchange.write("begun");
    exchange.flush();
    dynamic_cast<Exchange&>(exchange).body_failed(400, "broken");
  };
  ScriptedWire wire(worker.loop(), host, post);
  wire.start();
  run(wire);
  EXPECT_EQ(wire.result().status, 200);
  EXPECT_FALSE(wire.result().whole);
}

TEST_F(ExchangeTest, ADiscardedBodyHasNoFaults) {
  host.act = [](handler::Exchange& exchange) {
    exchange.discard_body();
    dynamic_cast<Exchange&>(exchange).body_failed(400, "broken");
    exchange.respond({.content_length = 0});
    exchange.finish();
  };
  ScriptedWire wire(worker.loop(), host, post);
  wire.start();
  run(wire);
  EXPECT_EQ(wire.result().status, 200);
  EXPECT_EQ(TestHandler::told_of_fault, 0);
}

TEST_F(ExchangeTest, WhatIsTooLargeReachesNoHandler) {
  host.body_bytes_max = 5;
  host.act = [](handler::Exchange&) { ADD_FAILURE(); };
  ScriptedWire wire(worker.loop(), host, post);
  wire.start();
  EXPECT_EQ(wire.result().status, 413);
}

TEST_F(ExchangeTest, AFailureIsAnsweredByThePageOfItsLocationWithItsStatus) {
  host.location.answers.error_pages = {{500, 599, "/sorry?from=pages"}};
  int asked = 0;
  host.act = [&](handler::Exchange& exchange) {
    auto& self = dynamic_cast<Exchange&>(exchange);
    if (++asked == 1) {
      EXPECT_FALSE(self.is_error_page());
      exchange.open_body();
      return exchange.fail({.status = 503, .reason = "busy"});
    }
    const http::Request& request = exchange.request();
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.target.path, "/sorry");
    EXPECT_EQ(request.target.query, "from=pages");
    EXPECT_EQ(request.framing, http::Framing::none);
    EXPECT_TRUE(self.is_error_page());
    const cgi::Redirected redirected = self.redirected();
    EXPECT_EQ(redirected.url, "/x");
    EXPECT_EQ(redirected.status, 503);
    EXPECT_EQ(redirected.query, "a=b");
    EXPECT_EQ(redirected.method, "POST");
    exchange.respond({.content_length = 0});
    exchange.finish();
  };
  const Script form{.method = "POST", .target = "/x?a=b", .body = {"abc"}};
  ScriptedWire wire(worker.loop(), host, form);
  wire.start();
  run(wire);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(wire.result().status, 503);
  EXPECT_TRUE(std::ranges::any_of(
      wire.result().fields, [](const http::Field& field) { return field.name == "Retry-After"; }));
}

TEST_F(ExchangeTest, APageThatFailsIsNotAskedForAgain) {
  host.location.answers.error_pages = {{400, 599, "/sorry"}};
  int asked = 0;
  host.act = [&](handler::Exchange& exchange) {
    exchange.fail({.status = ++asked == 1 ? 404 : 500, .reason = "there is none"});
  };
  ScriptedWire wire(worker.loop(), host, get);
  wire.start();
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(wire.result().status, 404);
}

TEST_F(ExchangeTest, APageMayHaveAStatusOfItsOwn) {
  host.location.answers.error_pages = {{404, 404, "/sorry"}};
  int asked = 0;
  host.act = [&](handler::Exchange& exchange) {
    if (++asked == 1) return exchange.fail({.status = 404, .reason = "there is none"});
    exchange.respond({.status = 410, .content_length = 0});
    exchange.finish();
  };
  ScriptedWire wire(worker.loop(), host, get);
  wire.start();
  EXPECT_EQ(wire.result().status, 410);
}

TEST_F(ExchangeTest, ARefusedHeadHasAnErrorPage) {
  host.act = [](handler::Exchange&) { ADD_FAILURE(); };
  ScriptedWire wire(worker.loop(), host, get);
  wire.refuse(431, "the head is too large", "GET /x");
  EXPECT_EQ(wire.result().status, 431);
  EXPECT_THAT(wire.result().content, testing::HasSubstr("the head is too large"));
}

TEST_F(ExchangeTest, AfterSoManyRequestsTheWorkerAsksToBeReplaced) {
  config.server.max_requests_per_worker = 2;
  TestHost counting(worker, config, nullptr);
  counting.act = [](handler::Exchange& exchange) {
    exchange.respond({.content_length = 0});
    exchange.finish();
  };
  for (int served = 1; served <= 4; ++served) {
    ScriptedWire wire(worker.loop(), counting, get);
    wire.start();
    EXPECT_EQ(worker.retired, served / 2);
  }
}

}  // namespace
}  // namespace cgisrv::exchange
