// The pool as a whole, in a process of its own: a server that sends its worker's pid, then echoes.
#include <cgisrv/pool.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <list>
#include <set>
#include <string>

#include "../run_until.h"
#include "net/listener.h"
#include "pool/protocol.h"

namespace cgisrv::pool {
namespace {

constexpr int timeout_ms = static_cast<int>(std::chrono::milliseconds(generous).count());

// To the master, on whichever descriptor leads to it.
void report_ready_again() {
  constexpr auto report = WorkerReport::ready;
  for (int fd = 3; fd < 64; ++fd) {
    int family = 0;
    socklen_t size = sizeof family;
    const bool is_socket = ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0;
    if (is_socket && family == AF_UNIX) ::send(fd, &report, sizeof report, MSG_NOSIGNAL);
  }
}

class Echo final : public Service {
 public:
  explicit Echo(Worker& worker) : worker_(worker) {}
  void accepted(Connection connection) override {
    sessions_.push_front({*this, std::move(connection)});
    Session& session = sessions_.front();
    session.self = sessions_.begin();
    const std::string hello = std::to_string(::getpid()) + "\n";
    ::send(session.connection.socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
    session.watch = Watch(worker_.loop(), session.connection.socket.get(), EPOLLIN,
                          WatchCallback::of<&Session::readable>(session));
  }
  void drain() override {}
  void stop() override { sessions_.clear(); }

 private:
  struct Session {
    void readable() {
      std::array<char, 256> bytes;
      const int fd = connection.socket.get();
      const ssize_t size = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (size <= 0) return static_cast<void>(echo.sessions_.erase(self));
      if (bytes[0] == '!') report_ready_again();
      if (bytes[0] == '?') echo.worker_.retire();
      ::send(fd, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL);
    }
    Echo& echo;
    Connection connection;
    Watch watch = {};
    std::list<Session>::iterator self = {};
  };
  Worker& worker_;
  std::list<Session> sessions_;
};

WorkerGroupSpec spec_of(unsigned workers, std::vector<Fd> listeners) {
  return {.options = {.workers = workers},
          .listeners = std::move(listeners),
          .factory = [](Worker& worker) { return std::make_unique<Echo>(worker); },
          .keep_in_worker = {},
          .on_end = {}};
}

// Two of its workers are ready; one is not.
WorkerGroupSpec failing_spec() {
  WorkerGroupSpec spec{.options = {.workers = 3},
                       .listeners = {},
                       .factory = {},
                       .keep_in_worker = {},
                       .on_end = {}};
  spec.factory = [](Worker& worker) {
    if (worker.ordinal() == 2) std::exit(3);
    return std::make_unique<Echo>(worker);
  };
  return spec;
}

Master* the_master = nullptr;  // in its own process

class Client {
 public:
  explicit Client(const net::Address& address)
      : socket_(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(::connect(socket_.get(), address.data(), address.size()), 0);
    worker = std::atoi(line().c_str());
  }
  std::string line() const {
    std::string text;
    for (char c = 0; ready() && ::read(socket_.get(), &c, 1) == 1 && c != '\n';)
      text.push_back(c);
    return text;
  }
  std::string echo(const std::string& text) const {
    const std::string sent = text + "\n";
    EXPECT_EQ(::send(socket_.get(), sent.data(), sent.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(sent.size()));
    return line();
  }
  pid_t worker = 0;

 private:
  bool ready() const {
    pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, timeout_ms) == 1;
  }
  Fd socket_;
};

class RunningPool : public testing::Test {
 protected:
  RunningPool() {
    auto listener = net::listen("127.0.0.1:0");
    EXPECT_TRUE(listener);
    address = listener->address;
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    out.reset(ends[0]);
    Fd in(ends[1]);
    std::fflush(nullptr);
    master = ::fork();
    if (master == 0) {
      std::vector<Fd> listeners;
      listeners.push_back(std::move(listener->socket));
      Hooks hooks;
      const auto say = [&](std::string_view text) {
        [[maybe_unused]] const auto told = ::write(in.get(), text.data(), text.size());
      };
      const auto replace = [&](WorkerGroupSpec next) {
        next.on_end = [=] { say("e"); };
        for (const Fd& each : the_master->listeners())
          next.listeners.emplace_back(::dup(each.get()));
        const auto problem = the_master->replace(
            std::move(next), [=](const std::string& failure) { say(failure.empty() ? "+" : "-"); });
        if (!problem.empty()) say("!");
      };
      hooks.on_start = [](Master& started) { the_master = &started; };
      hooks.on_ready = [=] { say("r"); };
      hooks.on_hangup = [=] { replace(spec_of(3, {})); };
      hooks.on_user1 = [=] { replace(failing_spec()); };
      hooks.on_user2 = [] { the_master->stop(Stop::handed_over); };
      const int status = run(spec_of(2, std::move(listeners)), std::move(hooks));
      // Nobody may be left: this is what a caller of run() relies on.
      const bool alone = ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
      ::_exit(alone ? status : 99);
    }
    in.reset();
    EXPECT_EQ(said(), 'r');
  }
  // What the hooks of the master say next.
  char said() const {
    pollfd readable{.fd = out.get(), .events = POLLIN, .revents = 0};
    char c = 0;
    EXPECT_EQ(::poll(&readable, 1, timeout_ms), 1);
    EXPECT_EQ(::read(out.get(), &c, 1), 1);
    return c;
  }
  ~RunningPool() override {
    if (master <= 0) return;
    ::kill(master, SIGKILL);
    ::waitpid(master, nullptr, 0);
  }
  // What the master ended with.
  int status_after(int signal) {
    ::kill(master, signal);
    for (const auto end = Clock::now() + generous; Clock::now() < end; ::usleep(1000)) {
      int status = 0;
      if (::waitpid(master, &status, WNOHANG) != master) continue;
      master = 0;
      return status;
    }
    return -1;
  }
  net::Address address;
  pid_t master = 0;
  Fd out;
};

// Not always one after the other: a look at the backlog between a ticket's being counted as taken
// and its accept(2) gives a ticket too many, and the next worker is passed over.
TEST_F(RunningPool, ServesFromBothWorkersUntilTerm) {
  std::set<pid_t> workers;
  {
    std::list<Client> clients;
    while (workers.size() < 2 && clients.size() < 10)
      workers.insert(clients.emplace_back(address).worker);
    EXPECT_EQ(workers.size(), 2U);
    for (int round = 0; round < 2; ++round)
      for (const Client& client : clients)
        EXPECT_EQ(client.echo("hello"), "hello");
    EXPECT_EQ(status_after(SIGTERM), 0);
    EXPECT_EQ(clients.front().line(), "");  // closed
  }
  for (const pid_t worker : workers)
    EXPECT_EQ(::kill(worker, 0), -1) << worker;
}

TEST_F(RunningPool, KilledWorkerIsReplaced) {
  const Client before(address);
  ASSERT_GT(before.worker, 0);
  ::kill(before.worker, SIGKILL);
  EXPECT_EQ(before.line(), "");
  std::set<pid_t> seen;
  for (const auto end = Clock::now() + generous; seen.size() < 2 && Clock::now() < end;) {
    const Client client(address);
    EXPECT_EQ(client.echo("still here"), "still here");
    seen.insert(client.worker);
  }
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen.count(before.worker), 0U);
  EXPECT_EQ(status_after(SIGTERM), 0);
}

TEST_F(RunningPool, WorkerThatReportsWhatItShouldNotIsNoHarm) {
  {
    const Client client(address);
    EXPECT_EQ(client.echo("!"), "!");
    EXPECT_EQ(client.echo("!"), "!");
    const Client other(address);
    EXPECT_EQ(other.echo("still here"), "still here");
  }
  EXPECT_EQ(status_after(SIGTERM), 0);
}

TEST_F(RunningPool, NewGenerationTakesOverAndTheOldOneFinishes) {
  std::set<pid_t> old;
  {
    const Client open(address);
    old.insert(open.worker);
    old.insert(Client(address).worker);
    ::kill(master, SIGHUP);
    EXPECT_EQ(said(), '+');
    std::set<pid_t> workers;
    for (int i = 0; i < 6; ++i)
      workers.insert(Client(address).worker);
    EXPECT_EQ(workers.size(), 3U);
    for (const pid_t worker : workers)
      EXPECT_FALSE(old.contains(worker));
    EXPECT_EQ(open.echo("still here"), "still here");
  }
  for (const auto end = Clock::now() + generous; Clock::now() < end; ::usleep(1000))
    if (std::ranges::all_of(old, [](pid_t pid) { return ::kill(pid, 0) != 0; })) break;
  for (const pid_t worker : old)
    EXPECT_EQ(::kill(worker, 0), -1) << worker;
  ::kill(master, SIGHUP);
  EXPECT_EQ(said(), '+');
  EXPECT_EQ(said(), 'e');  // of the generation between
  EXPECT_EQ(status_after(SIGTERM), 0);
}

TEST_F(RunningPool, GenerationThatFailsLeavesEverythingAsItWas) {
  const Client before(address);
  for (int i = 0; i < 3; ++i) {
    ::kill(master, SIGUSR1);
    EXPECT_EQ(said(), '-');
    EXPECT_EQ(said(), 'e');
  }
  std::set<pid_t> workers = {before.worker};
  for (int i = 0; i < 4; ++i)
    workers.insert(Client(address).worker);
  EXPECT_EQ(workers.size(), 2U);
  EXPECT_EQ(before.echo("still here"), "still here");
  EXPECT_EQ(status_after(SIGTERM), 0);
}

TEST_F(RunningPool, WorkerThatAsksForItIsReplaced) {
  const Client worn(address);
  EXPECT_EQ(worn.echo("?"), "?");  // it retires
  std::set<pid_t> workers;
  for (const auto end = Clock::now() + generous; workers.size() < 2 && Clock::now() < end;) {
    const pid_t worker = Client(address).worker;
    if (worker == worn.worker)
      workers.clear();
    else
      workers.insert(worker);
  }
  EXPECT_EQ(workers.size(), 2U);
  EXPECT_EQ(worn.echo("still here"), "still here");
  EXPECT_EQ(status_after(SIGTERM), 0);
}

TEST_F(RunningPool, QuitWaitsForOpenConnections) {
  {
    const Client client(address);
    ::kill(master, SIGQUIT);
    EXPECT_EQ(client.echo("not yet"), "not yet");
    EXPECT_EQ(::waitpid(master, nullptr, WNOHANG), 0);
  }
  EXPECT_EQ(status_after(0), 0);
}

TEST(Pool, CodeOfTheMasterSeesTheWorkersAndStopsThem) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    Master* master = nullptr;
    bool ran = false;
    bool ended = false;
    const auto all = [&](std::string_view state) {
      const auto workers = master->workers();
      return workers.size() == 2 && std::ranges::all_of(workers, [&](const WorkerStatus& worker) {
               return worker.state == state && (worker.pid > 0) == (state == "running") &&
                      worker.restarts == 0;
             });
    };
    Hooks hooks;
    hooks.on_start = [&](Master& started) { master = &started; };
    hooks.on_end = [&] { ended = master->workers().empty(); };
    hooks.on_ready = [&] {
      ran = all("running");
      master->stop(Stop::now);
    };
    const int status = run(spec_of(2, {}), std::move(hooks));
    ::_exit(status == 0 && ran && ended ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

std::set<int> open_descriptors() {
  std::set<int> found;
  for (int fd = 0; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) found.insert(fd);
  return found;
}

TEST(Pool, ProcessThatIsForkedApartHasNothingOfIt) {
  auto listener = net::listen("127.0.0.1:0");
  ASSERT_TRUE(listener);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<Fd> listeners;
    auto before = open_descriptors();
    before.erase(listener->socket.get());
    listeners.push_back(std::move(listener->socket));
    Master* master = nullptr;
    bool has_nothing = false;
    Hooks hooks;
    hooks.on_start = [&](Master& started) { master = &started; };
    hooks.on_ready = [&] {
      ParentOnly<Fd> kept(Fd(::dup(STDERR_FILENO)));
      const ParentOnly<Fd> closed(Fd(::dup(STDERR_FILENO)));
      const pid_t apart = master->fork_apart([&] { kept.keep(); });
      if (apart == 0) {
        before.insert(kept->get());
        ::_exit(open_descriptors() == before ? 0 : 1);
      }
      int status = -1;
      has_nothing = ::waitpid(apart, &status, 0) == apart && status == 0;
      master->stop(Stop::now);
    };
    const int status = run(spec_of(2, std::move(listeners)), std::move(hooks));
    ::_exit(status == 0 && has_nothing ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cgisrv::pool
