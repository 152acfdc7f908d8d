// The walk of a connection through its states.
#include "http1/connection.h"

#include "connection_fixture.h"

namespace cgisrv::worker {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view get = "GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(ConnectionTest, IdleHeadExchangeAndIdleAgain) {
  connect();
  EXPECT_EQ(worker.open_connections, 1);
  for (int i = 0; i < 3; ++i)
    expect_next_is_answered();
  EXPECT_EQ(worker.doing, "GET /a.txt");
  client.reset();
  EXPECT_TRUE(until_freed());
}

TEST_F(ConnectionTest, HeadMayComeByteByByte) {
  connect();
  for (const char c : get) {
    send({&c, 1});
    run_for(worker.loop(), milliseconds(0));
  }
  EXPECT_TRUE(until_received("hello"));
}

TEST_F(ConnectionTest, PipelinedRequestsAreAnsweredInOrder) {
  connect();
  send(std::string(get) + "GET /none HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(get));
  EXPECT_TRUE(run_until(worker.loop(), [&] {
    receive();
    return received.find("hello", received.find("404")) != std::string::npos;
  }));
  EXPECT_LT(received.find("200 OK"), received.find("404 Not Found"));
}

TEST_F(ConnectionTest, ManyPipelinedRequestsTakeMoreThanATurn) {
  connect();
  std::string many;
  for (int i = 0; i < 200; ++i)
    many += get;
  send(many);
  const auto answers = [&] {
    receive();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = received.find("\r\n\r\nhello", at)) != std::string::npos; ++at)
      ++count;
    return count;
  };
  run_for(worker.loop(), milliseconds(0));  // one turn
  EXPECT_GT(answers(), 0U);
  EXPECT_LE(answers(), 64U);
  EXPECT_TRUE(run_until(worker.loop(), [&] { return answers() == 200; })) << answers();
}

TEST_F(ConnectionTest, RefusedIsAnsweredAndShut) {
  connect();
  send("GET /a.txt\r\n\r\n");
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(received, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(worker.open_connections, 1);  // lingers until we have seen it
  client.reset();
  EXPECT_TRUE(until_freed());
}

// RFC 9110 section 9.3.2: whatever else is wrong with it.
TEST_F(ConnectionTest, RefusedHeadRequestHasNoContent) {
  config.limits.header_timeout = milliseconds(50);
  for (const std::string_view head : {"HEAD / HTTP/1.1\r\n\r\n", "\r\nHEAD / HT"}) {
    connect();
    send(head);
    EXPECT_TRUE(until_shut());
    EXPECT_THAT(received, StartsWith("HTTP/1.1 40"));
    EXPECT_THAT(received, Not(HasSubstr("\r\nContent-Length: 0\r\n")));
    EXPECT_THAT(received, EndsWith("\r\nConnection: close\r\n\r\n"));
  }
}

TEST_F(ConnectionTest, EmptyLinesBetweenRequestsAreIgnoredHoweverTheyAreCut) {
  connect();
  expect_next_is_answered();
  for (int i = 0; i < 20; ++i) {
    send("\r");
    run_for(worker.loop(), milliseconds(0));
    send("\n\r\n");
  }
  expect_next_is_answered();
  send("\r");
  run_for(worker.loop(), milliseconds(0));
  received.clear();
  send(get);
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 400 "));
}

// They fill what is read at once, and what follows them is read all the same.
TEST_F(ConnectionTest, ManyEmptyLinesDoNotHideARequest) {
  connect();
  expect_next_is_answered();
  std::string lines;
  while (lines.size() < 2 * cgi::RunContext::scratch_bytes)
    lines += "\r\n";
  send(lines);
  expect_next_is_answered();
}

TEST_F(ConnectionTest, UnwantedBodyIsDiscarded) {
  connect();
  const std::string body(300'000, 'x');
  send("POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n");
  EXPECT_TRUE(run_until(worker.loop(), [&] {
    receive();
    return received.find("\r\n\r\n") != std::string::npos;
  }));
  EXPECT_THAT(received, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  std::size_t sent = 0;
  EXPECT_TRUE(run_until(worker.loop(), [&] {
    const ssize_t some = ::send(client.get(), body.data() + sent, body.size() - sent, MSG_NOSIGNAL);
    if (some > 0) sent += static_cast<std::size_t>(some);
    return sent == body.size();
  }));
  run_for(worker.loop(), milliseconds(5));
  receive();
  expect_next_is_answered();
}

TEST_F(ConnectionTest, ProgramReadsTheBody) {
  connect();
  send("POST /read.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  run_for(worker.loop(), milliseconds(5));
  send("cde");
  EXPECT_TRUE(until_received("0\r\n\r\n"));
  EXPECT_THAT(received, HasSubstr("abcde"));
  expect_next_is_answered();
}

// ---- body_size ---------------------------------------------------------------------------------

TEST_F(ConnectionTest, ChunkedBodyMayBeAsLargeAsAllowed) {
  for (config::Site& site : config.sites)
    for (config::Location& location : site.locations)
      location.body_size = 10;
  connect();
  const std::string head =
      "POST /cat.cgi HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  send(head + "a\r\n0123456789\r\n0\r\n\r\n");
  EXPECT_TRUE(until_received("0\r\n\r\n")) << received;
  EXPECT_THAT(received, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(received, HasSubstr("0123456789"));

  received.clear();
  send(head + "6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n");
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 413 "));
}

// As of one that is read. The client is not told: it has its answer when the program has ended.
TEST_F(ConnectionTest, ChunkedBodyThatNobodyReadsMayBeAsLargeAsAllowed) {
  for (config::Site& site : config.sites)
    for (config::Location& location : site.locations) {
      location.body_size = 1'000'000;
      location.cgi.chunked = cgi::ChunkedBody::stream;
    }
  directory.file("deaf.cgi", 0755,
                 "#!/bin/sh\nexec <&-\nwhile [ ! -e go ]; do :; done\n"
                 "echo Content-Type: text/plain; echo; echo done\n");
  connect();
  send("POST /deaf.cgi HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string body;
  while (body.size() < 8'000'000)
    body += "10000\r\n" + std::string(1 << 16, 'x') + "\r\n";
  body += "0\r\n\r\n";
  std::size_t sent = 0;
  const auto send_on = [&] {
    const ssize_t some = ::send(client.get(), body.data() + sent, body.size() - sent, MSG_NOSIGNAL);
    if (some > 0) sent += static_cast<std::size_t>(some);
    return sent == body.size();
  };
  EXPECT_TRUE(run_until(worker.loop(), [&] { return send_on() || sent > 1'000'000; }));
  const TimePoint end = Clock::now() + milliseconds(200);
  run_until(worker.loop(), [&] { return send_on() || Clock::now() > end; });
  EXPECT_LT(sent, 4'000'000U);
  directory.file("go");
  EXPECT_TRUE(run_until(worker.loop(), send_on));
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(received, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(received, HasSubstr("done\n"));
}

// ---- deadlines ---------------------------------------------------------------------------------

TEST_F(ConnectionTest, SilentConnectionIsClosedWithoutAWord) {
  config.limits.header_timeout = milliseconds(20);
  connect();
  EXPECT_TRUE(until_shut());
  EXPECT_EQ(received, "");
  EXPECT_TRUE(until_freed());
}

TEST_F(ConnectionTest, HeadThatDoesNotEndIs408) {
  config.limits.header_timeout = milliseconds(20);
  connect();
  send("GET /a.txt HTTP/1.1\r\nHost:");
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(ConnectionTest, IdleConnectionIsClosedAfterItsTime) {
  config.limits.keepalive_timeout = milliseconds(20);
  connect();
  send(get);
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, EndsWith("hello"));  // and nothing after it
  EXPECT_TRUE(until_freed());
}

TEST_F(ConnectionTest, BodyThatDoesNotComeIs408) {
  config.limits.body_timeout = milliseconds(50);
  connect();
  send("POST /read.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(ConnectionTest, BodyThatTricklesIs408) {
  config.limits.body_timeout = milliseconds(50);
  config.limits.body_rate = 1'000'000;
  connect();
  send("POST /read.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n");
  EXPECT_TRUE(run_until(worker.loop(), [&] {
    ::send(client.get(), "a", 1, MSG_NOSIGNAL);
    return receive();
  }));
  EXPECT_THAT(received, StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(ConnectionTest, SlowBodyIsTakenAtAnyRateWhereNoneIsAsked) {
  config.limits.body_timeout = milliseconds(1500);
  config.limits.body_rate = 0;
  connect();
  send("POST /read.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n");
  for (int i = 0; i < 12; ++i) {
    run_for(worker.loop(), milliseconds(150));
    send("a");
  }
  EXPECT_TRUE(until_received("0\r\n\r\n"));
  EXPECT_THAT(received, HasSubstr("aaaaaaaaaaaa"));
}

// It reads when it is told to: until then the client has sent all it can.
TEST_F(ConnectionTest, ProgramThatDoesNotReadIsNotTheClientsFault) {
  config.limits.body_timeout = milliseconds(1000);
  directory.file("later.cgi", 0755,
                 "#!/bin/sh\nwhile [ ! -e go ]; do :; done\n"
                 "echo Content-Type: text/plain; echo; exec wc -c\n");
  connect();
  const std::string body(4'000'000, 'x');
  send("POST /later.cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
  std::size_t sent = 0;
  const auto send_on = [&] {
    const ssize_t some = ::send(client.get(), body.data() + sent, body.size() - sent, MSG_NOSIGNAL);
    if (some > 0) sent += static_cast<std::size_t>(some);
    return sent == body.size();
  };
  const TimePoint end = Clock::now() + milliseconds(1200);
  run_until(worker.loop(), [&] { return send_on() || Clock::now() > end; });
  EXPECT_LT(sent, body.size());
  directory.file("go");
  EXPECT_TRUE(run_until(worker.loop(), send_on));
  EXPECT_TRUE(until_received("0\r\n\r\n"));
  EXPECT_THAT(received, StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ConnectionTest, UnwantedBodyMayComeAsSlowlyAsAnother) {
  config.limits.body_timeout = milliseconds(1000);
  connect();
  send("POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n");
  const std::string some(1000, 'x');
  for (int i = 0; i < 10; ++i) {
    run_for(worker.loop(), milliseconds(120));
    send(some);
  }
  run_for(worker.loop(), milliseconds(5));
  receive();
  expect_next_is_answered();
}

TEST_F(ConnectionTest, UnwantedBodyThatDoesNotComeIsNotWaitedFor) {
  config.limits.body_timeout = milliseconds(20);
  connect();
  send("POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 405 "));
  EXPECT_TRUE(until_freed());
}

TEST_F(ConnectionTest, ClientThatTakesNothingIsClosed) {
  config.limits.send_timeout = milliseconds(20);
  directory.file("large", 0644, std::string(4'000'000, 'x'));
  connect();
  send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(until_freed());
}

TEST_F(ConnectionTest, ClientThatTakesTooLittleIsClosed) {
  config.limits.send_timeout = milliseconds(50);
  config.limits.send_rate = 1 << 30;
  directory.file("large", 0644, std::string(40'000'000, 'x'));
  connect();
  send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  std::array<char, 16'384> some;
  std::size_t taken = 0;
  EXPECT_TRUE(run_until(worker.loop(), [&] {
    const ssize_t size = ::recv(client.get(), some.data(), some.size(), 0);
    if (size > 0) taken += static_cast<std::size_t>(size);
    return worker.open_connections == 0;
  }));
  EXPECT_LT(taken, 40'000'000U);
}

TEST_F(ConnectionTest, ClientThatTakesEnoughIsServed) {
  config.limits.send_timeout = milliseconds(1000);
  config.limits.send_rate = 10'000;
  directory.file("large", 0644, std::string(4'000'000, 'x'));
  connect();
  send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  std::array<char, 2048> some;
  std::size_t taken = 0;
  EXPECT_TRUE(run_until(worker.loop(), [&] {
    const ssize_t size = ::recv(client.get(), some.data(), some.size(), 0);
    if (size > 0) taken += static_cast<std::size_t>(size);
    return taken > 4'000'000 || worker.open_connections == 0;
  }));
  EXPECT_GT(taken, 4'000'000U);
}

// ---- the client goes ---------------------------------------------------------------------------

TEST_F(ConnectionTest, ClientThatGoesEndsItsProgram) {
  connect();
  send("GET /wait.cgi HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(until_received("begun\n\r\n"));
  client.reset();
  EXPECT_TRUE(until_freed());
  EXPECT_TRUE(run_until(worker.loop(), [&] { return service.finished(); }));
}

TEST_F(ConnectionTest, ClientThatOnlyStopsSendingIsAnswered) {
  config.limits.half_close_timeout = milliseconds(10'000);
  connect();
  send(get);
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, EndsWith("hello"));
}

TEST_F(ConnectionTest, BodyThatIsCutShortIsNoBody) {
  config.limits.half_close_timeout = milliseconds(10'000);
  connect();
  send("POST /cat.cgi HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, StartsWith("HTTP/1.1 400 "));
}

// ---- stopping ----------------------------------------------------------------------------------

TEST_F(ConnectionTest, DrainClosesWhoIsIdleAndWaitsForWhoIsNot) {
  connect();
  const Fd idle = std::move(client);
  connect();
  send("GET /wait.cgi HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(until_received("begun\n\r\n"));
  EXPECT_EQ(worker.open_connections, 2);
  service.drain();
  EXPECT_TRUE(run_until(worker.loop(), [&] { return worker.open_connections == 1; }));
  directory.file("go");
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, EndsWith("0\r\n\r\n"));
  EXPECT_THAT(received, HasSubstr("done\n"));
  client.reset();
  EXPECT_TRUE(until_freed());
}

TEST_F(ConnectionTest, StopLetsGoOfEverythingAtOnce) {
  connect();
  send("GET /wait.cgi HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(until_received("begun\n\r\n"));
  service.stop();
  EXPECT_TRUE(until_freed());
  EXPECT_TRUE(until_shut());
  EXPECT_THAT(received, Not(EndsWith("0\r\n\r\n")));  // visibly cut
}

}  // namespace
}  // namespace cgisrv::worker
