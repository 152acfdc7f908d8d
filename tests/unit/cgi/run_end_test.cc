// How a run ends otherwise than by a whole response: failures, deadlines, and who is left behind.
#include <sys/resource.h>

#include <cstdlib>

#include "cgi/run.h"
#include "running.h"

namespace cgisrv::cgi {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class EndOfRun : public Running {
 protected:
  void expect_failure(int status, const std::string& reason) {
    EXPECT_EQ(exchange.end, End::failed);
    EXPECT_EQ(exchange.failure.status, status);
    EXPECT_THAT(exchange.failure.reason, HasSubstr(script.filename));
    EXPECT_THAT(exchange.failure.reason, HasSubstr(reason));
  }
};

// ---- before the head ---------------------------------------------------------------------------

TEST_F(EndOfRun, NoHeader) {
  walk("echo just text; echo; echo more");
  expect_failure(502, "does not begin with a CGI header");
  EXPECT_THAT(exchange.failure.output_head, HasSubstr("just text"));
}

// Fault 19.
TEST_F(EndOfRun, WhatItPrintsAfterABrokenHeaderIsReadForItsReason) {
  walk(
      "echo '<!--: spam'; echo; sleep 0.05; printf '<!--\\nTraceback\\n\\nKeyError: "
      "1\\n\\n-->\\n'; exit 1");
  expect_failure(502, "Python's cgitb printed the error in the place of a header: \"KeyError: 1\"");
  EXPECT_THAT(exchange.failure.output_head, HasSubstr("KeyError: 1"));
  EXPECT_EQ(exchange.failure.exit, "exit status 1");
}

TEST_F(EndOfRun, ABrokenHeaderIsSaidThoughTheProgramRunsOn) {
  walk("echo just text; exec sleep 100");
  expect_failure(502, "does not begin with a CGI header");
}

TEST_F(EndOfRun, ABrokenHeaderIsSaidThoughTheProgramPrintsOn) {
  walk("exec yes");
  expect_failure(502, "does not begin with a CGI header");
  EXPECT_LE(exchange.failure.output_head.size(), 2100U);
}

// Fault 17.
TEST_F(EndOfRun, RedirectThatCannotBeFollowedIsTheProgramsFailure) {
  walk("printf 'Location: /../x\\n\\n'");
  expect_failure(502, "its Location is a path that is broken or leads out of the site");
  EXPECT_EQ(exchange.account->usage.outcome, account::Outcome::bad_header);
}

// Fault 2j.
TEST_F(EndOfRun, ABadExitAfterTheResponseIsTold) {
  walk(std::string(head) + "echo half; echo 'ValueError: boom' >&2; exit 1");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.account->usage.outcome, account::Outcome::bad_exit);
  EXPECT_FALSE(account::is_failure(account::Outcome::bad_exit));
}

TEST_F(EndOfRun, NothingAtAll) {
  walk("true");
  expect_failure(502, "");
  EXPECT_EQ(exchange.failure.exit, "exit status 0");
}

TEST_F(EndOfRun, HeaderWithoutItsEnd) {
  walk("echo Content-Type: text/plain");
  expect_failure(502, "header");
}

TEST_F(EndOfRun, ExitStatusBeforeTheHeader) {
  walk("echo it went wrong >&2; exit 3");
  expect_failure(502, "exit status 3 before it printed a header");
  EXPECT_EQ(exchange.failure.exit, "exit status 3");
  EXPECT_EQ(exchange.failure.stderr_tail, "it went wrong\n");
}

TEST_F(EndOfRun, KilledBeforeTheHeader) {
  walk("kill -SEGV $$");
  expect_failure(502, "killed by signal 11 (SIGSEGV) before it printed a header");
}

TEST_F(EndOfRun, CannotBeStarted) {
  script.filename = directory.file("x.cgi", 0644, "#!/bin/sh\n");
  walk("");
  expect_failure(502, "is not executable; run: chmod +x");
}

TEST_F(EndOfRun, NoPlaceIsLeft) {
  std::vector<process::PidSlotOwner> taken;
  for (int i = 0; i < 8; ++i)
    taken.push_back(pid_table.claim());
  walk(head);
  expect_failure(503, "no process could be started");
}

TEST_F(EndOfRun, HeaderTimeout) {
  options.header_timeout = milliseconds(50);
  walk("echo waiting >&2; exec sleep 100");
  expect_failure(504, "printed no header within 0.05 s (header_timeout)");
}

TEST_F(EndOfRun, HeaderTimeoutOfOneThatHasNotFlushed) {
  options.header_timeout = milliseconds(50);
  walk("exec sleep 100");
  expect_failure(504, "what it has printed may still be in its buffer: let it flush");
}

TEST_F(EndOfRun, HeaderTimeoutInTheMiddleOfAHeader) {
  options.header_timeout = milliseconds(500);
  walk("echo Content-Type: text/plain; exec sleep 100");
  expect_failure(504, "printed no header within 0.5 s (header_timeout), and was ended");
  EXPECT_THAT(exchange.failure.reason, Not(HasSubstr("buffer")));
}

TEST_F(EndOfRun, HeaderTimeoutOfAnEndlessLoop) {
  options.header_timeout = std::chrono::seconds(2);
  walk("while :; do :; done");
  expect_failure(504, "it computed all the time, as an endless loop does");
}

TEST_F(EndOfRun, ItsStandardErrorIsQuotedAsItIs) {
  walk("echo 'Global symbol \"$x\" requires it' >&2; exit 1");
  expect_failure(502, "its standard error says why: Global symbol \"$x\" requires it");
}

TEST_F(EndOfRun, TotalTimeoutBeforeTheHeader) {
  options.timeout = milliseconds(50);
  walk("exec sleep 100");
  expect_failure(504, "did not end within 0.05 s (timeout)");
}

// Waiting programs have rows, too: to let fewer run would make it worse.
TEST_F(EndOfRun, PastAsManyProgramsAsAreToldApartFewerAreToWait) {
  admission::Table table;
  admission::Message asked{};
  admission::AdmissionClient admission_client(
      loop, table, 0, [&](const admission::Message& message) { asked = message; });
  context.admission_client = &admission_client;
  start("");
  admission_client.on_message(
      {.kind = admission::Message::Kind::crowded, .request = asked.request});
  expect_failure(503,
                 "2048 other programs run or wait, and more are not told apart; shorten "
                 "queue.timeout or queue.size, so that fewer wait, or raise max_running");
  run.reset();
}

TEST_F(EndOfRun, WhoFindsNoPlaceIsToldWhenToComeAgain) {
  admission::Table table;
  admission::Message asked{};
  admission::AdmissionClient admission_client(
      loop, table, 0, [&](const admission::Message& message) { asked = message; });
  context.admission_client = &admission_client;
  options.queue.retry_after_s = 90;
  start("");
  admission_client.on_message(
      {.kind = admission::Message::Kind::crowded, .request = asked.request});
  ASSERT_EQ(exchange.failure.fields.size(), 1U);
  EXPECT_EQ(exchange.failure.fields[0].name, "Retry-After");
  EXPECT_EQ(exchange.failure.fields[0].value, "90");
  run.reset();
}

// Its program is known from earlier runs.
TEST_F(EndOfRun, ABodyThatCannotBeKeptIsInItsProgramsFigures) {
  admission::Table table;
  admission::AdmissionClient admission_client(loop, table, 0, [](const admission::Message&) {});
  context.admission_client = &admission_client;
  script.filename = directory.file("x.cgi", 0755, "#!/bin/sh\n");
  table.give(7, table.key(options.location, script.filename));
  options.spool_memory = 4;
  ::setenv("TMPDIR", (directory.path() + "/missing").c_str(), 1);
  with_body(http::Framing::chunked);
  start("");
  arrive("more than memory may hold", false);
  ::unsetenv("TMPDIR");
  EXPECT_EQ(exchange.end, End::failed);
  EXPECT_EQ(exchange.failure.reason,
            script.filename + ": opening a temporary file for a request body in " +
                directory.path() +
                "/missing: No such file or directory; start the server with TMPDIR set to a "
                "folder that it may write to");
  EXPECT_EQ(table.row(7).stats.with(account::Outcome::not_started), 1U);
  EXPECT_EQ(table.row(7).stats.failed(), 1U);
  run.reset();
  exchange.account.reset();
}

// ---- after the head ----------------------------------------------------------------------------

TEST_F(EndOfRun, KilledAfterTheHeader) {
  walk(std::string(head) + "echo part; kill -KILL $$");
  EXPECT_EQ(exchange.end, End::aborted);
  EXPECT_EQ(exchange.written, "part\n");
}

TEST_F(EndOfRun, OutputShortOfItsContentLengthIsAFailure) {
  walk("printf 'Content-Type: text/plain\\nContent-Length: 9\\n\\npart'");
  EXPECT_EQ(exchange.end, End::aborted);
  EXPECT_EQ(exchange.account->usage.outcome, account::Outcome::too_short);
  EXPECT_THAT(exchange.account->usage.diagnosis, HasSubstr("5 bytes short"));
}

TEST_F(EndOfRun, IdleTimeout) {
  options.idle_timeout = milliseconds(50);
  walk(std::string(head) + "echo part; exec sleep 100");
  EXPECT_EQ(exchange.end, End::aborted);
  EXPECT_EQ(exchange.written, "part\n");
}

TEST_F(EndOfRun, IdleTimeoutRightAfterTheHeader) {
  options.idle_timeout = milliseconds(50);
  walk(std::string(head) + "exec sleep 100");
  EXPECT_EQ(exchange.end, End::aborted);
}

TEST_F(EndOfRun, TotalTimeoutOfABusyProgram) {
  options.timeout = milliseconds(300);
  walk(std::string(head) + "while :; do echo x; sleep 0.01; done");
  EXPECT_NE(exchange.end, End::finished);
}

TEST_F(EndOfRun, UnlimitedTimesAreNeverOver) {
  options.header_timeout = options.idle_timeout = options.timeout = Options::Duration::max();
  walk("sleep 0.05; " + std::string(head) + "sleep 0.05; echo done");
  EXPECT_EQ(exchange.end, End::finished);
  EXPECT_EQ(exchange.written, "done\n");
}

TEST_F(EndOfRun, RedirectOfAKilledProgramIsNone) {
  walk("echo Location: /other; echo; kill -KILL $$");
  expect_failure(502, "killed by signal 9 (SIGKILL)");
}

// ---- who is left behind ------------------------------------------------------------------------

TEST_F(EndOfRun, GrandchildThatHoldsTheOutputDoesNotKeepTheResponse) {
  walk(std::string(head) + "sleep 100 2>/dev/null & echo $!");
  EXPECT_EQ(exchange.end, End::finished);
  const pid_t grandchild = std::stoi(exchange.written);
  EXPECT_EQ(::kill(grandchild, 0), 0);  // it may work on
  ::kill(grandchild, SIGKILL);
  EXPECT_TRUE(goes(grandchild));
}

TEST_F(EndOfRun, ProgramThatClosesItsOutputMayLiveOn) {
  walk(std::string(head) + "echo $$; exec >&-; exec sleep 100");
  EXPECT_EQ(exchange.end, End::finished);
  const pid_t program = std::stoi(exchange.written);
  run.reset();
  run_for(loop, milliseconds(20));
  EXPECT_EQ(::kill(program, 0), 0);
  EXPECT_FALSE(context.reaper.idle());  // but it is not forgotten
}

// Its exit is looked for now and then, where the kernel cannot tell of it.
TEST_F(EndOfRun, ProgramThatClosesItsOutputIsReapedThoughThereAreNoDescriptors) {
  start(std::string(head) + "exec >&-; sleep 0.1; exit 3");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  expect_over();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(exchange.end, End::finished);
  ASSERT_TRUE(exchange.account->usage.exit);
  EXPECT_EQ(exchange.account->usage.exit->code, 3);
}

TEST_F(EndOfRun, DestroyedRunEndsItsGroup) {
  start(std::string(head) + "sleep 100 & echo $$ $!; wait");
  EXPECT_TRUE(until([&] { return exchange.written.ends_with('\n'); }));
  const pid_t program = std::stoi(exchange.written);
  const pid_t grandchild = std::stoi(exchange.written.substr(exchange.written.find(' ')));
  run.reset();
  EXPECT_TRUE(goes(grandchild));
  EXPECT_TRUE(goes(program));
  EXPECT_FALSE(exchange.over());
}

TEST_F(EndOfRun, DestroyedWhileCollectingTheBody) {
  with_body(http::Framing::chunked);
  start(head);
  arrive("hello", false);
  run.reset();
  EXPECT_TRUE(context.reaper.idle());
}

TEST_F(EndOfRun, OverdueProgramIsEndedWithTheRun) {
  options.header_timeout = milliseconds(20);
  walk("trap '' TERM; echo $$ >&2; exec sleep 100");
  expect_failure(504, "header_timeout");
  options.grace = milliseconds(20);
  run.reset();
  EXPECT_TRUE(until([&] { return context.reaper.idle(); }));
}

}  // namespace
}  // namespace cgisrv::cgi
