// The walk of a run from its start to the end of its output; how it ends early is in
// run_end_test.cc.
#include "cgi/run.h"

#include "running.h"

namespace cgisrv::cgi {
namespace {

using std::chrono::milliseconds;

TEST_F(Running, HeadBodyOver) {
  walk("echo Status: 201 Made; echo Content-Type: text/x; echo X-A: b; echo; echo hello");
  EXPECT_EQ(exchange.end, End::finished);
  ASSERT_TRUE(exchange.response);
  EXPECT_EQ(exchange.response->status, 201);
  EXPECT_EQ(exchange.field("Content-Type"), "text/x");
  EXPECT_EQ(exchange.field("X-A"), "b");
  EXPECT_EQ(exchange.written, "hello\n");
}

// When this turn of the loop has spent its time on starts.
class StartingLater : public Running {
 protected:
  struct Count final : Observer {
    void starting(const Script&, const Environment&,
                  std::shared_ptr<const account::Account>) override {
      ++starts;
    }
    void printed(std::string_view) override {}
    void complained(std::string_view) override {}
    void over() override {}
    int starts = 0;
  };

  StartingLater() {
    context.observer = &count;
    context.starts.ask(other_start);
  }
  ~StartingLater() override { run.reset(); }  // which tells the observer
  void take_long() {
    for (const auto end = Clock::now() + milliseconds(1); Clock::now() < end;) {
    }
  }

  Count count;
  TurnQueue::Work other_start{Callback::of<&StartingLater::take_long>(*this)};
};

TEST_F(StartingLater, ItIsStartedInTheNextTurn) {
  start("echo Content-Type: text/plain; echo; echo hello");
  EXPECT_EQ(count.starts, 0);
  expect_over();
  EXPECT_EQ(count.starts, 1);
  EXPECT_EQ(exchange.written, "hello\n");
}

TEST_F(StartingLater, AClientThatLeavesBeforeHasNothingStarted) {
  start("echo Content-Type: text/plain; echo; echo hello");
  EXPECT_FALSE(run->client_left());
  run.reset();
  run_for(loop, milliseconds(5));
  EXPECT_EQ(count.starts, 0);
}

TEST_F(Running, HeadInPieces) {
  walk("printf 'Content-'; sleep 0.02; printf 'Type: a/b\\r\\n'; sleep 0.02; printf '\\r\\nbody'");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.field("Content-Type"), "a/b");
  EXPECT_EQ(exchange.written, "body");
}

TEST_F(Running, HeadOnly) {
  walk(head);
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_TRUE(exchange.response);
  EXPECT_EQ(exchange.written, "");
}

TEST_F(Running, OutputGoesOutAsItIsWritten) {
  start(std::string(head) + "echo first; while [ ! -e go ]; do sleep 0.01; done; echo second");
  EXPECT_TRUE(until([&] { return exchange.flushed == "first\n"; }));
  EXPECT_FALSE(exchange.over());
  directory.file("go");
  expect_over();
  EXPECT_EQ(exchange.written, "first\nsecond\n");
}

TEST_F(Running, StatusAfterTheHeadIsOnlyForTheLog) {
  walk(std::string(head) + "echo body; exit 3");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, "body\n");
}

TEST_F(Running, LargeOutputIsWhole) {
  walk(std::string(head) + "head -c 3000000 /dev/zero");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written.size(), 3'000'000U);
}

// The scratch of this test holds a tenth of it.
TEST_F(Running, ErrorsOfAProgramThatEndsAtOnceAreWhole) {
  walk("printf '%040000d the last words' 0 >&2; exit 3");
  EXPECT_THAT(exchange.failure.stderr_tail, testing::EndsWith("the last words"));
}

TEST_F(Running, MoreErrorsThanAPipeHoldsDoNotStopIt) {
  walk("head -c 300000 /dev/zero | tr '\\0' '\\n' >&2; " + std::string(head) + "echo done");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, "done\n");
}

// ---- how the client's slowness reaches the program ---------------------------------------------

TEST_F(Running, NoMoreIsTakenThanThereIsRoomFor) {
  exchange.room_max = 1000;
  // The body apart from the head: what came with the head goes out with it.
  start(std::string(head) + "while [ ! -e go ]; do :; done; head -c 200000 /dev/zero");
  EXPECT_TRUE(until([&] { return exchange.response.has_value(); }));
  directory.file("go");
  EXPECT_TRUE(until([&] { return exchange.written.size() == 1000; }));
  run_for(loop, milliseconds(100));
  EXPECT_FALSE(exchange.over());
  EXPECT_EQ(exchange.written.size(), 1000U);
  exchange.room_max = SIZE_MAX;
  run->room_ready();
  expect_over();
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written.size(), 200'000U);
}

// The program's silence counts, not the client's.
TEST_F(Running, SlowClientIsNoIdleProgram) {
  exchange.room_max = 100;
  start(std::string(head) + "while [ ! -e go ]; do :; done; head -c 200000 /dev/zero");
  EXPECT_TRUE(until([&] { return exchange.response.has_value(); }));
  options.idle_timeout = milliseconds(30);  // from its first output on
  directory.file("go");
  EXPECT_TRUE(until([&] { return exchange.written.size() == 100; }));
  run_for(loop, milliseconds(150));
  EXPECT_FALSE(exchange.over());
}

// ---- input -------------------------------------------------------------------------------------

TEST_F(Running, WithoutABodyInputIsEmpty) {
  walk(std::string(head) + "echo \"${CONTENT_LENGTH-unset}\"; cat");
  EXPECT_EQ(exchange.written, "unset\n");
  EXPECT_FALSE(exchange.opened);
}

TEST_F(Running, BodyIsStreamed) {
  options.spool_memory = 0;
  with_body(http::Framing::length, 10);
  start(std::string(head) + "echo $CONTENT_LENGTH; exec cat");
  EXPECT_TRUE(exchange.opened);
  arrive("hello", false);
  EXPECT_TRUE(until([&] { return exchange.written == "10\nhello"; }));
  arrive("world", true);
  expect_over();
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, "10\nhelloworld");
  EXPECT_FALSE(exchange.discarded);
}

TEST_F(Running, BodyLargerThanEveryPipe) {
  const std::string large(1'000'000, 'x');
  options.spool_memory = 0;
  with_body(http::Framing::length, large.size());
  start(std::string(head) + "exec cat");
  arrive(large, true);
  EXPECT_FALSE(exchange.arrived.empty());  // no more than the pipe takes
  expect_over();
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, large);
}

TEST_F(Running, BodyThatTheProgramDoesNotWantIsDiscarded) {
  options.spool_memory = 0;
  with_body(http::Framing::length, 1'000'000);
  start("exec 0<&-; " + std::string(head) +
        "while [ ! -e go ]; do sleep 0.01; done; echo answered");
  EXPECT_TRUE(until([&] { return !exchange.written.empty() || exchange.response; }));
  arrive(std::string(200'000, 'x'), false);
  EXPECT_TRUE(until([&] { return exchange.discarded; }));
  directory.file("go");
  expect_over();
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, "answered\n");
}

TEST_F(Running, ProgramThatEndsWithoutReadingHasAnswered) {
  options.spool_memory = 0;
  with_body(http::Framing::length, 1'000'000);
  start(std::string(head) + "echo answered");
  arrive(std::string(500'000, 'x'), false);
  expect_over();
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, "answered\n");
  EXPECT_TRUE(exchange.discarded);
}

// Fault 8.
TEST_F(Running, ABodyIsThereBeforeItsProgram) {
  with_body(http::Framing::length, 10);
  start("touch started; " + std::string(head) + "echo $CONTENT_LENGTH; exec cat");
  EXPECT_TRUE(exchange.opened);
  arrive("hello", false);
  run_for(loop, milliseconds(10));
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/started"));
  arrive("world", true);
  expect_over();
  EXPECT_EQ(exchange.written, "10\nhelloworld");
}

// Fault 8.
TEST_F(Running, OfALargeBodyTheBeginningIsThereBeforeItsProgram) {
  options.spool_memory = 5;
  with_body(http::Framing::length, 10);
  start(std::string(head) + "echo $CONTENT_LENGTH; exec cat");
  arrive("hell", false);
  run_for(loop, milliseconds(10));
  EXPECT_FALSE(exchange.response);
  arrive("o wo", false);
  EXPECT_TRUE(until([&] { return exchange.written == "10\nhello wo"; }));
  arrive("rl", true);
  expect_over();
  EXPECT_EQ(exchange.written, "10\nhello worl");
}

TEST_F(Running, WhatWasCollectedGoesBeforeWhatStillComes) {
  options.spool_memory = 300'000;  // more than a pipe takes at a time
  std::string all;
  while (all.size() < 900'000)
    all += std::to_string(all.size()) + ";";
  with_body(http::Framing::length, all.size());
  start(std::string(head) + "exec cat");
  for (std::size_t at = 0; at < all.size(); at += 7'000)
    arrive(std::string_view(all).substr(at, 7'000), at + 7'000 >= all.size());
  expect_over();
  EXPECT_EQ(exchange.written, all);
  EXPECT_EQ(context.spool_memory.left(), 64U << 20);
}

class Spooling : public Running {
 protected:
  void expect_length_is_known() {
    with_body(http::Framing::chunked);
    start(std::string(head) + "echo $CONTENT_LENGTH; exec cat");
    arrive("hel", false);
    arrive("lo", false);
    run_for(loop, milliseconds(10));
    EXPECT_FALSE(exchange.response);  // it has not been started
    arrive("!", true);
    expect_over();
    EXPECT_EQ(exchange.end, End::finished);
    EXPECT_EQ(exchange.written, "6\nhello!");
  }
};

TEST_F(Spooling, ChunkedBodyIsCollectedInMemory) {
  expect_length_is_known();
}

TEST_F(Spooling, ChunkedBodyIsCollectedOnDisk) {
  options.spool_memory = 4;
  expect_length_is_known();
}

TEST_F(Running, SpoolingLeavesTheOthersTheirTurn) {
  exchange.piece_max = 8 << 10;
  with_body(http::Framing::chunked);
  start(std::string(head) + "wc -c");
  arrive(std::string(2'000'000, 'x'), true);
  EXPECT_GT(exchange.arrived.size(), 1'000'000U);
  EXPECT_LT(exchange.arrived.size(), 2'000'000U);
  expect_over();
  EXPECT_EQ(exchange.written, "2000000\n");
}

TEST_F(Running, ChunkedBodyMayBeStreamed) {
  options.chunked = ChunkedBody::stream;
  with_body(http::Framing::chunked);
  start(std::string(head) + "echo ${CONTENT_LENGTH-unset}; exec cat");
  arrive("hello", false);
  EXPECT_TRUE(until([&] { return exchange.written == "unset\nhello"; }));
  arrive("", true);
  expect_over();
  EXPECT_EQ(exchange.end, End::finished);
}

// ---- kinds of answers --------------------------------------------------------------------------

TEST_F(Running, LocalRedirectWithItsCookies) {
  walk("echo 'Location: /other?x=1'; echo 'Set-Cookie: a=b'; echo 'Set-Cookie: c=d'; echo");
  EXPECT_EQ(exchange.end, End::redirected);
  EXPECT_EQ(exchange.location, "/other?x=1");
  ASSERT_EQ(exchange.carried.size(), 2U);
  EXPECT_EQ(exchange.carried[0].value, "a=b");
  EXPECT_EQ(exchange.carried[1].value, "c=d");
  EXPECT_EQ(exchange.written, "");
}

TEST_F(Running, AbsoluteRedirect) {
  walk("echo 'Location: http://example.org/'; echo");
  EXPECT_EQ(exchange.end, End::finished);
  ASSERT_TRUE(exchange.response);
  EXPECT_EQ(exchange.response->status, 302);
  EXPECT_EQ(exchange.field("Location"), "http://example.org/");
}

TEST_F(Running, HeaderlessWhereItIsAllowed) {
  options.headerless = "text/html; charset=utf-8";
  walk("echo '<!DOCTYPE html>'; echo; echo '<p>hello'");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.field("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(exchange.written, "<!DOCTYPE html>\n\n<p>hello\n");
}

TEST_F(Running, HeaderlessOneWithoutALineEnd) {
  options.headerless = "text/plain";
  walk("printf hello");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, "hello");
}

TEST_F(Running, HeaderlessPlaceTakesAHeaderToo) {
  options.headerless = "text/html";
  walk(std::string(head) + "echo body");
  EXPECT_EQ(exchange.field("Content-Type"), "text/plain");
  EXPECT_EQ(exchange.written, "body\n");
}

TEST_F(Running, NphOutputIsSentAsItIs) {
  script.nph = true;
  walk("printf 'HTTP/1.1 299 Odd\\r\\nX: y\\r\\n\\r\\nbody'");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_TRUE(exchange.raw);
  EXPECT_EQ(exchange.written, "HTTP/1.1 299 Odd\r\nX: y\r\n\r\nbody");
}

TEST_F(Running, InterpreterGetsTheScript) {
  script.filename = directory.file("x.txt", 0644, std::string(head) + "echo \"$0\"");
  script.interpreter = "/bin/sh";
  walk("");
  EXPECT_EQ(exchange.written, script.filename + "\n");
}

}  // namespace
}  // namespace cgisrv::cgi
