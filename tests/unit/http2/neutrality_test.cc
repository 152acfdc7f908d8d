// An exchange knows no protocol: what a client asks for by HTTP/1.1 or HTTP/2 over a socket, and
// what a script asks for by calls alone, has the same answer and the same line in the access log.
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>

#include "../exchange/scripted_wire.h"
#include "../run_until.h"
#include "../temporary_directory.h"
#include "base/log.h"
#include "base/text.h"
#include "client.h"
#include "exchange/sites.h"
#include "http1/server.h"

namespace cgisrv::http1 {
namespace {

using exchange::Result;
using exchange::Script;
using exchange::ScriptedWire;

class LoneWorker final : public pool::Worker {
 public:
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view) override {}
  void check_finished() override {}
  void tell_master(std::string_view) override {}

 private:
  void connection_opened() override {}
  void connection_closed() override {}
  Loop loop_;
};

// The client at the other end of a socketpair.
class Http1Client {
 public:
  Http1Client(Server& server, pool::Worker& worker, const Script& script) : script_(script) {
    std::array<int, 2> ends{};
    CGISRV_CHECK(
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    socket_.reset(ends[1]);
    pool::Connection connection;
    connection.socket.reset(ends[0]);
    connection.guard = pool::ConnectionGuard(worker);
    server.accepted(std::move(connection));
    send(head());
  }

  // Once in each turn of the loop. Whether it has got all that it will.
  bool go() {
    if (next_piece_ < script_.body.size()) {
      send_piece(script_.body[next_piece_++]);
    } else if (!body_ended_) {
      end_body();
    }
    receive();
    if (!script_.leaves_after.empty() && result().content == script_.leaves_after) socket_.reset();
    return !socket_ || shut_ || result().whole;
  }

  Result result() const {
    Result result;
    std::string_view rest = received_;
    const auto head_end = rest.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return result;
    std::string_view head = rest.substr(0, head_end + 2);
    rest.remove_prefix(head_end + 4);
    result.status = std::stoi(std::string(take_line(head).substr(9, 3)));
    std::optional<std::size_t> length;
    bool is_chunked = false;
    while (!head.empty()) {
      std::string_view value = take_line(head);
      const auto name = text::take_until(value, ':');
      value.remove_prefix(1);
      if (name == "Transfer-Encoding") is_chunked = true;
      if (name == "Content-Length") length = std::stoul(std::string(value));
      if (name != "Transfer-Encoding" && name != "Connection")
        result.fields.push_back({std::string(name), std::string(value)});
    }
    const bool is_empty = script_.method == "HEAD" || result.status == 204 || result.status == 304;
    result.content = is_chunked ? unchunked(rest, result.whole) : std::string(rest);
    if (is_empty || (length && rest.size() == *length)) result.whole = true;
    return result;
  }

 private:
  static std::string_view take_line(std::string_view& text) {
    const auto end = text.find("\r\n");
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 2);
    return line;
  }
  static std::string unchunked(std::string_view rest, bool& whole) {
    std::string content;
    while (rest.find("\r\n") != std::string_view::npos) {
      const auto size = std::stoul(std::string(take_line(rest)), nullptr, 16);
      whole = size == 0;
      content += rest.substr(0, size);
      if (whole || rest.size() < size + 2) break;
      rest.remove_prefix(size + 2);
    }
    return content;
  }

  bool is_chunked() const { return script_.has_body() && !script_.announces_length; }
  std::string head() const {
    std::string head = fmt::format("{} {} HTTP/1.1\r\n", script_.method, script_.target);
    for (const auto& [name, value] : script_.fields)
      head += fmt::format("{}: {}\r\n", name, value);
    if (is_chunked())
      head += "Transfer-Encoding: chunked\r\n";
    else if (script_.has_body())
      head += fmt::format("Content-Length: {}\r\n", script_.length());
    return head + "\r\n";
  }
  void send_piece(const std::string& piece) {
    send(is_chunked() ? fmt::format("{:x}\r\n{}\r\n", piece.size(), piece) : piece);
  }
  void end_body() {
    body_ended_ = true;
    if (script_.breaks_off) {
      ::shutdown(socket_.get(), SHUT_WR);
    } else if (is_chunked()) {
      send("0\r\n\r\n");
    }
  }
  void send(std::string_view bytes) const {
    ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void receive() {
    std::array<char, 4096> bytes;
    ssize_t size = 0;
    while ((size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0)) > 0)
      received_.append(bytes.data(), static_cast<std::size_t>(size));
    shut_ |= size == 0 || errno != EAGAIN;
  }

  const Script& script_;
  Fd socket_;
  std::size_t next_piece_ = 0;
  bool body_ended_ = false;
  bool shut_ = false;
  std::string received_;
};

struct Outcome {
  Result result;
  std::string log_line;
};

class NeutralityTest : public testing::Test {
 protected:
  NeutralityTest() {
    EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    ::signal(SIGPIPE, [](int) {});
    log::set_level(log::Level::fatal);
    runs.spool_memory = cgi::SpoolMemory(1 << 20);
    for (config::Site& site : config.sites)
      for (config::Location& location : site.locations)
        location.body_size = site.fallback.body_size = 20;
    directory.file("a.txt", 0644, "0123456789");
    directory.file("large.txt", 0644, std::string(100'000, 'l'));
    directory.file("folder/b.txt");
    const std::string type = "#!/bin/sh\necho Content-Type: text/plain\n";
    directory.file("cat.cgi", 0755, type + "echo\nexec cat\n");
    directory.file("env.cgi", 0755, type + "echo\nexec env\n");
    directory.file("large.cgi", 0755, type + "echo\nexec head -c 100000 /dev/zero\n");
    directory.file("fail.cgi", 0755, "#!/bin/sh\necho 'no such thing' >&2\nexit 3\n");
    directory.file("short.cgi", 0755, type + "echo Content-Length: 10\necho\nprintf abc\n");
    directory.file("to.cgi", 0755,
                   "#!/bin/sh\necho Set-Cookie: a=b\necho Location: /env.cgi?x\necho\n");
    directory.file("to_nothing.cgi", 0755, "#!/bin/sh\necho Location: /nothing\necho\n");
    directory.file("wait.cgi", 0755, type + "echo\necho begun\nwhile [ ! -e go ]; do :; done\n");
  }
  ~NeutralityTest() override {
    connections.close_all();
    EXPECT_TRUE(run_until(worker.loop(), [&] { return runs.reaper.idle() && sites.idle(); }));
    log::set_level(log::Level::info);
  }

  config::Config make_config() const {
    auto made = *config::directory_config(directory.path());
    made.show_failures = true;
    made.access_log = {.path = directory.path() + "/access.log",
                       .format =
                           "{request_id} {request} {method} {target} {host} {referer} "
                           "{user_agent} {user} {remote_address} {script} {status} "
                           "{bytes_sent} {bytes_received} {outcome} {exit} {signal}"};
    return made;
  }
  std::string log_text() const {
    std::stringstream text;
    text << std::ifstream(config.access_log.path).rdbuf();
    return text.str();
  }
  // Ids and dates are each request's own.
  Outcome comparable(Result result) {
    EXPECT_TRUE(run_until(worker.loop(), [&] { return log_text().size() > logged; }));
    Outcome outcome{std::move(result), log_text().substr(logged)};
    logged += outcome.log_line.size();
    const std::string id = outcome.log_line.substr(0, outcome.log_line.find(' '));
    EXPECT_EQ(id.size(), 16U) << outcome.log_line;
    if (id.empty()) return outcome;
    for (std::string* text : {&outcome.result.content, &outcome.log_line})
      for (auto at = text->find(id); at != std::string::npos; at = text->find(id))
        text->replace(at, id.size(), "the id");
    for (http::Field& field : outcome.result.fields)
      if (field.name == "Date") {
        EXPECT_EQ(field.value.size(), 29U);
        field.value = "now";
      }
    return outcome;
  }

  Outcome by_http1(const Script& script) {
    Http1Client client(connections, worker, script);
    EXPECT_TRUE(run_until(worker.loop(), [&] { return client.go(); })) << script.target;
    return comparable(client.result());
  }
  // With the names and the version of HTTP/1.1.
  Outcome by_http2(const Script& script, const Result& like) {
    http2::Http2Client client(connections, worker, script);
    EXPECT_TRUE(run_until(worker.loop(), [&] { return client.go(); })) << script.target;
    Outcome outcome = comparable(client.result());
    for (http::Field& field : outcome.result.fields)
      for (const http::Field& other : like.fields)
        if (text::equals_ignoring_case(field.name, other.name)) {
          field.name = other.name;
          if (field.name == "Date") field.value = other.value;
        }
    for (std::string* text : {&outcome.result.content, &outcome.log_line})
      for (auto at = text->find("HTTP/2.0"); at != std::string::npos; at = text->find("HTTP/2.0"))
        text->replace(at, 8, "HTTP/1.1");
    return outcome;
  }
  Outcome by_script(const Script& script) {
    ScriptedWire wire(worker.loop(), sites, script);
    wire.start();
    EXPECT_TRUE(run_until(worker.loop(), [&] { return wire.over(); })) << script.target;
    return comparable(wire.result());
  }
  // Returns what both had.
  Outcome expect_same(const Script& script) {
    const Outcome http1 = by_http1(script);
    const Outcome scripted = by_script(script);
    EXPECT_TRUE(http1.result == scripted.result) << script.target << " by HTTP/1.1:\n"
                                                 << text_of(http1.result) << "\nby a script:\n"
                                                 << text_of(scripted.result);
    EXPECT_EQ(http1.log_line, scripted.log_line);
    if (script.breaks_off) return scripted;  // by a reset: the client has left
    const Outcome http2 = by_http2(script, scripted.result);
    EXPECT_TRUE(http2.result == scripted.result) << script.target << " by HTTP/2:\n"
                                                 << text_of(http2.result) << "\nby a script:\n"
                                                 << text_of(scripted.result);
    EXPECT_EQ(http2.log_line, scripted.log_line);
    return scripted;
  }
  static std::string text_of(const Result& result) {
    std::string text = fmt::format("{}{}\n", result.status, result.whole ? "" : " cut");
    for (const auto& [name, value] : result.fields)
      text += fmt::format("{}: {}\n", name, value);
    return text + "\n" + result.content.substr(0, 2000);
  }
  static std::vector<http::Field> host(std::vector<http::Field> more = {}) {
    more.insert(more.begin(), {"Host", "localhost"});
    return more;
  }

  TemporaryDirectory directory;
  LoneWorker worker;
  config::Config config = make_config();
  process::PidTable pid_table{1, 8};
  cgi::RunContext runs{
      worker.loop(), pid_table, 0, {256, 256}, Callback::of<&NeutralityTest::nothing>(*this)};
  accesslog::AccessLog access_log = *accesslog::AccessLog::open(config.access_log);
  exchange::Sites sites{worker, config, &access_log, runs};
  std::vector<net::Address> addresses{*net::parse_address("unix:/test")};
  Server connections{worker, sites, addresses, runs.scratch};
  std::size_t logged = 0;  // bytes of the access log that were compared

 private:
  void nothing() {}
};

TEST_F(NeutralityTest, File) {
  const auto [result, line] = expect_same({.target = "/a.txt", .fields = host()});
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(result.content, "0123456789");
  EXPECT_TRUE(result.whole);
  EXPECT_THAT(line, testing::HasSubstr(" GET /a.txt localhost "));
}

TEST_F(NeutralityTest, LargeFile) {
  EXPECT_EQ(expect_same({.target = "/large.txt", .fields = host()}).result.content.size(),
            100'000U);
}

TEST_F(NeutralityTest, Range) {
  const auto result =
      expect_same({.target = "/a.txt", .fields = host({{"Range", "bytes=2-4"}})}).result;
  EXPECT_EQ(result.status, 206);
  EXPECT_EQ(result.content, "234");
}

TEST_F(NeutralityTest, Head) {
  for (const char* target : {"/a.txt", "/cat.cgi", "/none"}) {
    const auto result = expect_same({.method = "HEAD", .target = target, .fields = host()}).result;
    EXPECT_EQ(result.content, "");
    EXPECT_TRUE(result.whole);
  }
}

TEST_F(NeutralityTest, ErrorPageOfWhatIsNotThere) {
  for (const char* accept : {"text/html", "*/*"}) {
    const auto result =
        expect_same({.target = "/none", .fields = host({{"Accept", accept}})}).result;
    EXPECT_EQ(result.status, 404);
    EXPECT_THAT(result.content, testing::HasSubstr("the id"));
  }
}

TEST_F(NeutralityTest, RefusalsByMethodAndPath) {
  EXPECT_EQ(expect_same({.method = "PUT", .target = "/a.txt", .fields = host()}).result.status,
            405);
  EXPECT_EQ(expect_same({.method = "XYZ", .target = "/a.txt", .fields = host()}).result.status,
            501);
  EXPECT_EQ(expect_same({.method = "OPTIONS", .target = "*", .fields = host()}).result.status, 204);
  EXPECT_EQ(expect_same({.target = "/%00", .fields = host()}).result.status, 400);
}

TEST_F(NeutralityTest, RedirectToAFolder) {
  const auto result = expect_same({.target = "/folder?a=b", .fields = host()}).result;
  EXPECT_EQ(result.status, 301);
  expect_same({.target = "/folder/", .fields = host({{"Accept", "text/html"}})});
}

TEST_F(NeutralityTest, EnvironmentOfAProgram) {
  const auto result = expect_same({.target = "/env.cgi/info?a=b",
                                   .fields = host({{"User-Agent", "x"}, {"Cookie", "c=d"}})})
                          .result;
  EXPECT_THAT(result.content, testing::HasSubstr("PATH_INFO=/info\n"));
}

TEST_F(NeutralityTest, ProgramWithABody) {
  for (const bool announces_length : {true, false}) {
    const auto [result, line] = expect_same({.method = "POST",
                                             .target = "/cat.cgi",
                                             .fields = host(),
                                             .body = {"abc", "de", "fgh"},
                                             .announces_length = announces_length});
    EXPECT_EQ(result.content, "abcdefgh");
    EXPECT_THAT(line, testing::HasSubstr(" 200 8 8 answered "));
  }
}

TEST_F(NeutralityTest, LargeOutputOfAProgram) {
  EXPECT_EQ(expect_same({.target = "/large.cgi", .fields = host()}).result.content.size(),
            100'000U);
}

TEST_F(NeutralityTest, ProgramThatFails) {
  const auto [result, line] = expect_same({.target = "/fail.cgi", .fields = host()});
  EXPECT_EQ(result.status, 502);
  EXPECT_THAT(result.content, testing::HasSubstr("no such thing"));  // it is shown to its author
  EXPECT_THAT(line, testing::HasSubstr(" exit-status 3 "));
}

TEST_F(NeutralityTest, ProgramThatPrintsTooLittle) {
  const auto result = expect_same({.target = "/short.cgi", .fields = host()}).result;
  EXPECT_EQ(result.content, "abc");
  EXPECT_FALSE(result.whole);
}

TEST_F(NeutralityTest, LocalRedirect) {
  const auto [result, line] = expect_same({.method = "POST",
                                           .target = "/to.cgi",
                                           .fields = host({{"Content-Type", "text/plain"}}),
                                           .body = {"abc"}});
  EXPECT_THAT(result.content, testing::HasSubstr("REDIRECT_URL=/to.cgi\n"));
  EXPECT_THAT(result.content, testing::HasSubstr("REQUEST_METHOD=GET\n"));
  EXPECT_THAT(result.fields, testing::Contains(testing::Field(&http::Field::name, "Set-Cookie")));
  EXPECT_THAT(line, testing::HasSubstr("POST /to.cgi HTTP/1.1"));
  EXPECT_EQ(expect_same({.target = "/to_nothing.cgi", .fields = host()}).result.status, 404);
}

TEST_F(NeutralityTest, BodyThatIsTooLarge) {
  for (const char* target : {"/cat.cgi", "/a.txt"})
    EXPECT_EQ(
        expect_same(
            {.method = "POST", .target = target, .fields = host(), .body = {std::string(21, 'x')}})
            .result.status,
        413);
  const auto [result, line] = expect_same({.method = "POST",
                                           .target = "/cat.cgi",
                                           .fields = host(),
                                           .body = {std::string(15, 'x'), std::string(15, 'y')},
                                           .announces_length = false});
  EXPECT_EQ(result.status, 413);
  EXPECT_THAT(line, testing::HasSubstr(" bad-body "));
}

TEST_F(NeutralityTest, BodyThatBreaksOff) {
  for (const bool announces_length : {true, false}) {
    const auto [result, line] = expect_same({.method = "POST",
                                             .target = "/cat.cgi",
                                             .fields = host(),
                                             .body = {"abc", "de"},
                                             .announces_length = announces_length,
                                             .breaks_off = true});
    EXPECT_EQ(result.status, 400);
    EXPECT_THAT(line, testing::HasSubstr(" bad-body "));
  }
}

TEST_F(NeutralityTest, ClientThatLeaves) {
  const auto [result, line] =
      expect_same({.target = "/wait.cgi", .fields = host(), .leaves_after = "begun\n"});
  EXPECT_FALSE(result.whole);
  EXPECT_THAT(line, testing::HasSubstr(" 200 6 0 client-left "));
}

// Whether anything would be noticed.
TEST_F(NeutralityTest, WhatDiffersIsSeen) {
  const auto one = by_http1({.target = "/a.txt", .fields = host()});
  const auto other = by_script({.target = "/a.txt", .fields = host({{"Range", "bytes=0-8"}})});
  EXPECT_FALSE(one.result == other.result);
  EXPECT_NE(one.log_line, other.log_line);
}

}  // namespace
}  // namespace cgisrv::http1
