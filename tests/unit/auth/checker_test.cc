// The worker's side and the checker's, in one process; the hashers are processes.
#include "auth/checker.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <optional>

#include "../run_until.h"
#include "../temporary_directory.h"
#include "auth/password_hash.h"
#include "auth/verifier.h"
#include "base/packet.h"

namespace cgisrv::auth {
namespace {

constexpr auto quick = "alice:{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=";  // wonderland
// bcrypt of cost 13: some tenths of a second, in which others wait.
constexpr auto slow = "alice:$2y$13$sqy2KDxeFERJGmD9kFei8e2oer1RniAX60BnQuX62NwuZLiMrhIde";
// bcrypt of cost 31: hours.
constexpr auto endless = "alice:$2y$31$sqy2KDxeFERJGmD9kFei8e2oer1RniAX60BnQuX62NwuZLiMrhIde";

Credentials pair(std::string_view user, std::string_view password) {
  return {std::string(user), Secret(password)};
}

// A checker without a worker: what it is sent, and what it answers.
class CheckerTest : public testing::Test {
 protected:
  void begin(std::vector<const char*> entries, Limits limits = {}) {
    for (const char* const entry : entries)
      rules.push_back({.number = static_cast<std::uint32_t>(rules.size()), .entry = entry});
    std::vector<const Options*> of_checker;
    for (const Options& rule : rules)
      of_checker.push_back(&rule);
    auto ends = *open_pair();
    auto line = *open_pair();
    shared = std::move(ends.first);
    lifeline = std::move(line.first);
    checker.emplace(std::move(ends.second), std::move(line.second), std::move(of_checker), limits);
    worker = connect();
  }
  Fd connect() const {
    auto ends = *open_pair();
    EXPECT_TRUE(send_link(shared.get(), ends.second.get()));
    return std::move(ends.first);
  }
  void ask(std::uint64_t id, std::string_view user, std::string_view password,
           std::uint64_t client = 1, std::uint32_t rule = 0) const {
    EXPECT_TRUE(
        send(worker.get(),
             CheckRequest{
                 .id = id, .client = client, .rule = rule, .user = user, .password = password}));
  }
  std::optional<CheckReply> reply() {
    std::array<char, 64> room{};
    std::optional<CheckReply> found;
    run_until(checker->loop(), [&] {
      const auto packet = receive_packet(worker.get(), room);
      if (packet) found = unpack_reply(*packet);
      return found.has_value();
    });
    return found;
  }
  Verdict verdict_of(std::uint64_t id) {
    const auto found = reply();
    EXPECT_TRUE(found && found->id == id);
    return found->answer.verdict;
  }

  std::vector<Options> rules;
  Fd shared, lifeline, worker;
  std::optional<Checker> checker;
};

TEST_F(CheckerTest, TellsRightFromWrong) {
  begin({quick});
  ask(1, "alice", "wonderland");
  EXPECT_EQ(verdict_of(1), Verdict::right);
  ask(2, "alice", "wonder");
  EXPECT_EQ(verdict_of(2), Verdict::wrong);
  ask(3, "bob", "wonderland");  // alice's hash is computed for him, and fits
  EXPECT_EQ(verdict_of(3), Verdict::wrong);
  ask(4, "alice", "wonderland", 1, 99);
  EXPECT_EQ(verdict_of(4), Verdict::unavailable);
}

TEST_F(CheckerTest, WhoWasWrongMostGivesWay) {
  begin({quick, endless}, {.processes = 1, .queue = 4});
  for (const std::uint64_t client : {1, 2, 3, 4}) {
    ask(client, "alice", "guess", client);
    EXPECT_EQ(verdict_of(client), Verdict::wrong);
  }
  ask(5, "alice", "guess", 4);
  EXPECT_EQ(verdict_of(5), Verdict::wrong);
  ask(9, "alice", "x", 9, 1);  // which the only hasher computes from this turn on
  ask(10, "alice", "x", 9, 99);
  EXPECT_EQ(verdict_of(10), Verdict::unavailable);
  for (const std::uint64_t client : {1, 2, 3, 4})
    ask(10 + client, "alice", "guess", client, 1);
  ask(20, "alice", "wonderland", 20);
  EXPECT_EQ(verdict_of(14), Verdict::busy);  // twice
  ask(21, "alice", "guess", 4, 1);
  EXPECT_EQ(verdict_of(21), Verdict::busy);
}

TEST_F(CheckerTest, TellsWhoIsNotListed) {
  rules.push_back({.users = {"bob"}, .entry = quick});
  begin({});
  ask(1, "alice", "wonderland");
  EXPECT_EQ(verdict_of(1), Verdict::unlisted);
}

TEST_F(CheckerTest, KeepsAFileThatIsRemovedBeforeTheFirstLogin) {
  TemporaryDirectory folder;
  const std::string file = folder.file("passwords", 0640, std::string(quick) + "\n");
  rules.push_back({.passwords = file});
  begin({});
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ask(1, "alice", "wonderland");
  EXPECT_EQ(verdict_of(1), Verdict::right);
}

TEST_F(CheckerTest, LimitsGuessesOfOneClient) {
  begin({quick}, {.guesses = 2, .guess_interval = std::chrono::hours(1)});
  for (std::uint64_t id = 1; id <= 2; ++id) {
    ask(id, "alice", "x");
    EXPECT_EQ(verdict_of(id), Verdict::wrong);
  }
  ask(3, "alice", "wonderland");
  const auto refused = reply();
  EXPECT_EQ(refused->answer.verdict, Verdict::guessed);
  EXPECT_GT(refused->answer.retry_after.count(), 3000);
  ask(4, "alice", "wonderland", 2);
  EXPECT_EQ(verdict_of(4), Verdict::right);
}

TEST_F(CheckerTest, GuessesThatWaitInTheQueueCount) {
  begin({quick}, {.processes = 1, .guesses = 1, .guess_interval = std::chrono::hours(1)});
  for (std::uint64_t id = 1; id <= 20; ++id)
    ask(id, "alice", "x");
  unsigned wrong = 0;
  for (std::uint64_t id = 1; id <= 20; ++id)
    wrong += reply()->answer.verdict == Verdict::wrong ? 1 : 0;
  EXPECT_EQ(wrong, 1U);
}

TEST_F(CheckerTest, WhoWasWrongLeastGoesFirst) {
  begin({quick}, {.processes = 1});
  ask(1, "alice", "w", 1);
  EXPECT_EQ(verdict_of(1), Verdict::wrong);
  ask(2, "alice", "x", 1);
  ask(3, "alice", "y", 1);
  ask(4, "alice", "wonderland", 2);
  ask(5, "alice", "z", 3);
  for (const std::uint64_t id : {4, 5, 2, 3})
    EXPECT_EQ(reply()->id, id);
}

TEST_F(CheckerTest, IsBoundedAndLeavesRoomForOthers) {
  begin({slow, quick}, {.processes = 1, .queue = 8, .timeout = std::chrono::hours(1)});
  ask(1, "alice", "x");
  for (std::uint64_t id = 2; id <= 20; ++id)
    ask(id, "alice", "wonderland", 1, 1);
  EXPECT_EQ(reply()->answer.verdict, Verdict::busy);
  ask(100, "alice", "wonderland", 2, 1);
  ask(101, "alice", "wonderland", 2, 1);
  std::optional<CheckReply> other;
  for (unsigned i = 0; i < 30 && (!other || other->id < 100); ++i)
    other = reply();
  EXPECT_EQ(other->answer.verdict, Verdict::right);
}

TEST_F(CheckerTest, AnExpensiveCheckHoldsUpNoOther) {
  begin({endless, quick}, {.processes = 2, .timeout = std::chrono::hours(1)});
  ask(1, "alice", "x");
  for (std::uint64_t id = 2; id <= 5; ++id)
    ask(id, "alice", "wonderland", id, 1);
  for (std::uint64_t id = 2; id <= 5; ++id)
    EXPECT_EQ(verdict_of(id), Verdict::right);
}

TEST_F(CheckerTest, ACheckThatTakesTooLongIsEnded) {
  begin({endless, quick}, {.processes = 1, .timeout = std::chrono::milliseconds(100)});
  ask(1, "alice", "x");
  EXPECT_EQ(verdict_of(1), Verdict::late);
  ask(2, "bob", "x", 2, 1);  // by a new hasher; late, too, where the machine is that slow
  const Verdict verdict = verdict_of(2);
  EXPECT_TRUE(verdict == Verdict::wrong || verdict == Verdict::late);
}

TEST(Hasher, CanBeEndedWhileItComputes) {
  Hasher hasher;
  ASSERT_TRUE(hasher.start());
  EXPECT_TRUE(hasher.ask(std::string_view(endless).substr(6), Secret("x")));
  const pid_t pid = hasher.kill();
  EXPECT_FALSE(hasher);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_F(CheckerTest, ForgetsAWorkerThatHasGone) {
  begin({slow, quick}, {.processes = 1, .timeout = std::chrono::hours(1)});
  ask(1, "alice", "x");
  for (std::uint64_t id = 2; id <= 50; ++id)
    ask(id, "alice", "x", id, 1);
  worker.reset();
  worker = connect();
  ask(1, "alice", "wonderland", 1, 1);
  EXPECT_EQ(verdict_of(1), Verdict::right);
}

TEST_F(CheckerTest, SurvivesWhatIsNoMessage) {
  begin({quick});
  EXPECT_EQ(::send(worker.get(), "x", 1, 0), 1);
  EXPECT_EQ(::send(shared.get(), "nothing", 7, 0), 7);
  ask(1, "alice", "wonderland");
  EXPECT_EQ(verdict_of(1), Verdict::right);
}

// ---- the worker's side -------------------------------------------------------------------------

// The test is the checker: it answers what the worker asks.
class VerifierTest : public testing::Test {
 public:
  void told(Answer answer) { answers.push_back(answer.verdict); }

 protected:
  std::unique_ptr<PendingCheck> pending() {
    return std::make_unique<PendingCheck>(verifier,
                                          CallbackWith<Answer>::of<&VerifierTest::told>(*this));
  }
  Fd accept() {
    std::array<char, 16> room{};
    Fd link;
    run_until(loop, [&] {
      auto packet = receive_packet(ends.second.get(), room);
      if (packet) link = std::move(packet->descriptor);
      return static_cast<bool>(link);
    });
    return link;
  }
  struct Request {
    CheckRequest::Kind kind;
    std::uint64_t id;
    std::string password;
  };
  std::optional<Request> request(const Fd& link) {
    std::array<char, request_bytes_max> room{};
    const auto packet = receive_packet(link.get(), room);
    if (!packet) return std::nullopt;
    const auto found = *unpack_request(*packet);
    return Request{found.kind, found.id, std::string(found.password)};
  }
  void answer(const Fd& link, std::uint64_t id, Answer answer) {
    const auto before = answers.size();
    EXPECT_TRUE(send(link.get(), CheckReply{id, answer}));
    run_until(loop, [&] { return answers.size() > before; });
  }

  Loop loop;
  std::pair<Fd, Fd> ends = *open_pair();
  Limits limits{.queue = 4, .timeout = std::chrono::hours(1)};
  Verifier verifier{loop, ends.first.get(), limits};
  Fd link = accept();
  Options rule{.entry = quick};
  std::vector<Verdict> answers;
};

TEST_F(VerifierTest, AsksOnceAndRemembersWhatIsRight) {
  const auto first = pending();
  EXPECT_FALSE(first->ask(rule, pair("alice", "wonderland"), 1));
  answer(link, request(link)->id, {Verdict::right});
  EXPECT_EQ(answers, std::vector{Verdict::right});
  const auto known = pending()->ask(rule, pair("alice", "wonderland"), 1);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->verdict, Verdict::right);
  EXPECT_FALSE(request(link));
  const auto other = pending();
  EXPECT_FALSE(other->ask(rule, pair("alice", "wonderlanD"), 1));
  const auto elsewhere = pending();  // where it is a guess
  EXPECT_FALSE(elsewhere->ask(rule, pair("alice", "wonderland"), 2));
}

TEST_F(VerifierTest, RemembersNothingWrong) {
  for (int i = 0; i < 2; ++i) {
    const auto check = pending();
    EXPECT_FALSE(check->ask(rule, pair("alice", "x"), 1));
    answer(link, request(link)->id, {Verdict::wrong});
  }
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(VerifierTest, RemembersNothingByAFileThatCouldNotBeRead) {
  for (int i = 0; i < 2; ++i) {
    const auto check = pending();
    EXPECT_FALSE(check->ask(rule, pair("alice", "wonderland"), 1));
    answer(link, request(link)->id, {.verdict = Verdict::right, .may_be_kept = false});
  }
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(VerifierTest, JoinsRequestsWithOnePassword) {
  const auto first = pending();
  const auto second = pending();
  EXPECT_FALSE(first->ask(rule, pair("alice", "wonderland"), 1));
  EXPECT_FALSE(second->ask(rule, pair("alice", "wonderland"), 1));
  const auto id = request(link)->id;
  EXPECT_FALSE(request(link));
  answer(link, id, {Verdict::right});
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(VerifierTest, JoinsNoCheckFromBeforeAChangeOfTheFile) {
  TemporaryDirectory folder;
  rule.passwords = folder.file("passwords", 0644, "alice:x\n");
  const auto first = pending();
  const auto second = pending();
  EXPECT_FALSE(first->ask(rule, pair("alice", "wonderland"), 1));
  folder.file("passwords", 0644, "bob:longer\n");
  EXPECT_FALSE(second->ask(rule, pair("alice", "wonderland"), 1));
  EXPECT_TRUE(request(link));
  EXPECT_TRUE(request(link));
}

TEST_F(VerifierTest, CancelsWhatNobodyWaitsFor) {
  auto first = pending();
  auto second = pending();
  EXPECT_FALSE(first->ask(rule, pair("alice", "wonderland"), 1));
  EXPECT_FALSE(second->ask(rule, pair("alice", "wonderland"), 1));
  const auto id = request(link)->id;
  first.reset();
  EXPECT_FALSE(request(link));
  second.reset();
  const auto cancel = request(link);
  ASSERT_TRUE(cancel);
  EXPECT_EQ(cancel->kind, CheckRequest::Kind::cancel);
  EXPECT_EQ(cancel->id, id);
  EXPECT_TRUE(send(link.get(), CheckReply{id, {Verdict::right}}));
  run_for(loop, std::chrono::milliseconds(5));
  EXPECT_TRUE(answers.empty());
}

TEST_F(VerifierTest, IsBounded) {
  std::vector<std::unique_ptr<PendingCheck>> waiting;
  for (unsigned i = 0; i < 2 * limits.queue; ++i) {
    waiting.push_back(pending());
    EXPECT_FALSE(waiting.back()->ask(rule, pair("alice", std::to_string(i)), 1));
  }
  EXPECT_EQ(pending()->ask(rule, pair("alice", "x"), 1)->verdict, Verdict::busy);
}

TEST_F(VerifierTest, AsksTheNextCheckerAgainButNotForEver) {
  const auto check = pending();
  EXPECT_FALSE(check->ask(rule, pair("alice", "wonderland"), 1));
  EXPECT_EQ(request(link)->password, "wonderland");
  link.reset();  // its checker has died
  link = accept();
  EXPECT_EQ(request(link)->password, "wonderland");
  link.reset();
  link = accept();
  run_until(loop, [&] { return !answers.empty(); });
  EXPECT_EQ(answers, std::vector{Verdict::unavailable});
  EXPECT_FALSE(request(link));
}

TEST_F(VerifierTest, WaitsForTheNextCheckerBeforeItHasHeardOfADeath) {
  link.reset();
  const auto check = pending();
  EXPECT_FALSE(check->ask(rule, pair("alice", "wonderland"), 1));
  link = accept();
  answer(link, request(link)->id, {Verdict::right});
  EXPECT_EQ(answers, std::vector{Verdict::right});
}

TEST_F(VerifierTest, DoesNotWaitForEver) {
  Limits hasty = limits;
  hasty.timeout = std::chrono::milliseconds(1);
  Verifier impatient(loop, ends.first.get(), hasty);
  PendingCheck check(impatient, CallbackWith<Answer>::of<&VerifierTest::told>(*this));
  EXPECT_FALSE(check.ask(rule, pair("alice", "x"), 1));
  run_until(loop, [&] { return !answers.empty(); });
  EXPECT_EQ(answers, std::vector{Verdict::late});
}

}  // namespace
}  // namespace cgisrv::auth
