// A half-sync/half-async process pool: a master that watches the listening sockets and supervises,
// and workers that accept and serve, each with one epoll loop. Knows no protocol.
//
//   int main() {
//     auto listener = cgisrv::pool::listen("127.0.0.1:7007");
//     return cgisrv::pool::run({.workers = 4}, std::move(*listener), [](Worker& worker) {
//       return std::make_unique<MyService>(worker);
//     });
//   }
//
// The master picks a worker for each connection and sends it a one-byte ticket over the socketpair
// between them; the worker accepts. If a worker dies with a ticket, the connection is still in the
// kernel's backlog, and the master gives it to another worker.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace cgisrv::pool {

enum class Dispatch : std::uint8_t {
  round_robin,  // the next worker in turn
  least_busy,   // the one with the fewest open connections and tickets
  kernel,       // no tickets: the workers share the listeners (EPOLLEXCLUSIVE)
};

inline constexpr unsigned workers_max = 256;
inline constexpr unsigned slots_max = 2 * workers_max;  // workers and their successors
inline constexpr unsigned listeners_max = 64;

inline constexpr std::size_t message_bytes_max = 200;

enum class Stop : std::uint8_t {
  finish,       // as SIGQUIT: after the open connections, or after shutdown_timeout
  now,          // as SIGTERM
  handed_over,  // as finish, but another server has the listeners: workers hear replaced()
};

struct WorkerStatus {
  unsigned index = 0;             // its slot: unique among living workers
  pid_t pid = 0;                  // 0: no process just now
  std::string_view state;         // down, starting, running, draining, stopping, killed
  std::uint32_t connections = 0;  // open
  std::uint32_t busy = 0;         // of these, as the service has counted: Worker::count_busy()
  std::uint64_t accepted = 0;     // since this process was started
  unsigned restarts = 0;          // of this worker, after deaths
  unsigned generation = 0;        // its generation, counted from 1
};

// Counts are since the server was started.
struct PoolStatus {
  TimePoint alive_at;             // when the master's loop last turned for certain
  unsigned generation = 0;        // the one that serves
  std::uint64_t deaths = 0;       // of workers that were not told to end
  std::uint64_t retirements = 0;  // of workers that asked for it
};

class Worker;
class Service;
using ServiceFactory = std::function<std::unique_ptr<Service>(Worker&)>;

struct Options {
  unsigned workers = 0;  // 0: one per core; at most workers_max
  unsigned worker_connections = 65'535;
  unsigned worker_events = 10'000;  // upper bound for one epoll_wait
  Dispatch dispatch = Dispatch::round_robin;
  std::chrono::milliseconds heartbeat_timeout{10'000};  // a worker silent for this long is replaced
  std::chrono::milliseconds shutdown_timeout{30'000};   // for draining; then open connections are
                                                        // cut
  std::chrono::milliseconds stop_timeout{3'000};        // after TERM; then workers are killed
};

// Workers that have the same options, listeners and service.
struct WorkerGroupSpec {
  Options options;
  std::vector<Fd> listeners;  // at most listeners_max
  ServiceFactory factory;
  // In a worker, before everything that is ParentOnly is closed: keeps what the service needs.
  std::function<void()> keep_in_worker;
  // In the master: the last of these workers has ended, and other workers serve.
  std::function<void()> on_end;
  // Of the listeners, by index: those that another process keeps open, such as a service manager.
  // Who waits there is not lost when we close them.
  std::vector<unsigned> held_elsewhere = {};
};

// What the master's own code may use besides the pool.
class Master {
 public:
  virtual ~Master() = default;
  virtual Loop& loop() = 0;
  // Both only read shared memory, so a process made by fork_apart() may call them, too.
  virtual std::vector<WorkerStatus> workers() const = 0;
  virtual PoolStatus status() const = 0;
  virtual void stop(Stop how) = 0;
  // Starts the workers of `next`. Once all are ready, they get the connections, the old workers
  // hear replaced() and end when they are done, and `done` is called with an empty text. If one
  // fails, all of the new ones end, nothing has changed, and `done` is called with the reason. Only
  // one replacement at a time. If it cannot begin, returns the reason and never calls `done`; else
  // returns an empty text.
  using Done = std::function<void(const std::string& problem)>;
  [[nodiscard]] virtual std::string replace(WorkerGroupSpec next, Done done) = 0;
  // Those of the generation that serves, in its order; closed once the server is to end.
  virtual const std::vector<Fd>& listeners() const = 0;
  // Calls Service::on_message() in that worker: at most message_bytes_max bytes. False when the
  // worker is down or has long not read; the message is lost then.
  virtual bool tell(unsigned worker, std::string_view message) = 0;
  // fork(2), for a process that is no worker. The child closes everything that is ParentOnly except
  // what `keep` keeps (`keep` may be empty). It has no listener and no channel, must not use the
  // master's loop, and may not return to the pool.
  virtual pid_t fork_apart(const std::function<void()>& keep) = 0;
};

// What the pool calls in the master process, for the master's own code.
struct Hooks {
  // Before the first worker is started. `master` lives until run() returns.
  std::function<void(Master& master)> on_start;
  // After everything has ended: the last moment to use `master` and its loop.
  std::function<void()> on_end;
  // A message from Worker::tell_master().
  std::function<void(unsigned worker, std::string_view message)> on_message;
  // There may be room again for a message that Master::tell() refused. Called at other times too.
  std::function<void(unsigned worker)> on_room;
  // All workers are ready, for the first time.
  std::function<void()> on_ready;
  // Worker `index` has ended, for any reason: clean up what it shared.
  std::function<void(unsigned index)> on_worker_end;
  // The server is going to end. Called once.
  std::function<void()> on_stop;
  std::function<void()> on_quit;       // SIGQUIT. None: stop(Stop::finish)
  std::function<void()> on_terminate;  // SIGTERM. None: stop(Stop::now)
  // SIGHUP. None: it stops the server, as a closed terminal should.
  std::function<void()> on_hangup;
  std::function<void()> on_user1;  // SIGUSR1
  std::function<void()> on_user2;  // SIGUSR2
};

// Counts a connection of the worker for as long as this lives; it moves with the connection.
class ConnectionGuard {
 public:
  ConnectionGuard() = default;
  explicit ConnectionGuard(Worker& worker);
  ConnectionGuard(ConnectionGuard&& other) noexcept
      : worker_(std::exchange(other.worker_, nullptr)) {}
  ConnectionGuard& operator=(ConnectionGuard&& other) noexcept;
  ~ConnectionGuard() { release(); }

 private:
  void release();
  Worker* worker_ = nullptr;
};

struct Connection {
  Fd socket;                // non-blocking, close-on-exec
  unsigned listener = 0;    // index of the listener that accepted it
  sockaddr_storage peer{};  // as accept(2) gave it
  socklen_t peer_size = 0;
  ConnectionGuard guard;
};

// What a worker does with its connections: one object per worker process, made after the fork.
class Service {
 public:
  virtual ~Service() = default;
  virtual void accepted(Connection connection) = 0;
  // No descriptor or connection slot is left, and clients wait: the service may close connections
  // that are doing nothing.
  virtual void crowded() {}
  // Graceful stop: finish what is open, start nothing new. The worker ends when no connection is
  // open and finished() holds.
  virtual void drain() = 0;
  // As drain(), but other workers serve from now on: there is no hurry, and clients should move to
  // them without a failed request.
  virtual void replaced() { drain(); }
  // Fast stop: let go of everything now.
  virtual void stop() = 0;
  // A message from Master::tell().
  virtual void on_message(std::string_view) {}
  // False while something besides connections must end first. When it becomes true, call
  // Worker::check_finished().
  virtual bool finished() const { return true; }
};

// The pool's side of a worker process, for its service.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual Loop& loop() = 0;
  // Its slot: under slots_max, and unique among living workers.
  virtual unsigned index() const = 0;
  // Its number within its generation: under Options::workers.
  virtual unsigned ordinal() const { return index(); }
  // What the worker is doing, for its obituary should it die of it; cut at 127 bytes.
  virtual void describe(std::string_view what) = 0;
  virtual void check_finished() = 0;
  // On how many of its connections something is under way, for WorkerStatus.
  virtual void count_busy(std::uint32_t) {}
  // Asks to be replaced: as soon as a successor is ready, the service hears replaced().
  virtual void retire() {}
  // Calls Hooks::on_message: at most message_bytes_max bytes. In order; kept while the master is
  // busy, and lost with it.
  virtual void tell_master(std::string_view message) = 0;

 private:
  friend class ConnectionGuard;
  virtual void connection_opened() = 0;
  virtual void connection_closed() = 0;
};

// Opens a listening socket on "ADDR:PORT", ":PORT", "[v6]:PORT" or "unix:/path". On failure prints
// why to standard error and returns nothing.
std::vector<Fd> listen(std::string_view address);

// The master. Returns when the pool has stopped (INT and TERM: at once; QUIT: after the open
// connections): 0, or the exit status of a worker that could not start. A factory that cannot start
// calls std::exit with a status other than 0. Workers end by themselves when the master is gone.
int run(WorkerGroupSpec first, Hooks hooks);
int run(const Options& options, std::vector<Fd> listeners, ServiceFactory factory);

}  // namespace cgisrv::pool
