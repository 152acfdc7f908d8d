// A half-sync/half-async process pool: a master that watches the listening sockets and supervises,
// and workers that accept and serve, each with one epoll loop. Knows nothing of any protocol.
//
//   int main() {
//     auto listener = cgisrv::pool::listen("127.0.0.1:7007");
//     return cgisrv::pool::run({.workers = 4}, std::move(*listener), [](Worker& worker) {
//       return std::make_unique<MyService>(worker);
//     });
//   }
//
// The master picks a worker for each connection and sends it a one-byte ticket over the socketpair
// between them; the worker accepts. A connection whose ticket is lost with its worker is still in
// the kernel's backlog and is given out again.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>
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
inline constexpr unsigned slots_max = 2 * workers_max;  // workers, and those that replace them
inline constexpr unsigned listeners_max = 64;

inline constexpr std::size_t message_bytes_max = 200;

enum class Stop : std::uint8_t {
  finish,       // as SIGQUIT: when the open connections are done, at the latest after
                // shutdown_timeout
  now,          // as SIGTERM
  handed_over,  // as finish, but another server has the listeners: workers hear replaced()
};

struct WorkerStatus {
  unsigned index = 0;             // of its slot: no other worker that is alive has it
  pid_t pid = 0;                  // 0: there is no process just now
  std::string_view state;         // down, starting, running, draining, stopping, killed
  std::uint32_t connections = 0;  // open
  std::uint64_t accepted = 0;     // since this process was started
  unsigned restarts = 0;          // of this worker, after deaths
  unsigned generation = 0;        // that it belongs to, counted from 1
};

// Counts are since the server was started.
struct PoolStatus {
  TimePoint alive_at;             // when the master last went round its loop for certain
  unsigned generation = 0;        // that serves
  std::uint64_t deaths = 0;       // of workers that were not told to end
  std::uint64_t retirements = 0;  // of workers that asked for it
};

class Worker;
class Service;
using ServiceFactory = std::function<std::unique_ptr<Service>(Worker&)>;

struct Options {
  unsigned workers = 0;  // 0: one per core; at most workers_max
  unsigned worker_connections = 65'535;
  unsigned worker_events = 10'000;  // at most so many events per epoll_wait
  Dispatch dispatch = Dispatch::round_robin;
  std::chrono::milliseconds heartbeat_timeout{10'000};  // a worker silent for so long is replaced
  std::chrono::milliseconds shutdown_timeout{30'000};   // draining: then what is still open is cut
  std::chrono::milliseconds stop_timeout{3'000};        // TERM: then workers are killed
};

// Workers that have the same options, listeners and service.
struct Generation {
  Options options;
  std::vector<Fd> listeners;  // at most listeners_max
  ServiceFactory factory;
  // In the master: the last of its workers has ended, and others serve.
  std::function<void()> on_end;
};

// In the master process: what its own code may use besides the pool.
class Master {
 public:
  virtual ~Master() = default;
  virtual Loop& loop() = 0;
  // Both read shared memory alone: they may be called in a process made by fork_apart(), too.
  virtual std::vector<WorkerStatus> workers() const = 0;
  virtual PoolStatus status() const = 0;
  virtual void stop(Stop how) = 0;
  // Starts the workers of `next`. When all of them are ready they are given the connections, the
  // others hear replaced() and end when they are done, and `done` is told an empty text. When one
  // of them fails, all of them end, nothing has changed, and `done` is told why. Until then there
  // can be no other replacement. Returns why it cannot be begun, and then calls nobody; else an
  // empty text.
  using Done = std::function<void(const std::string& problem)>;
  [[nodiscard]] virtual std::string replace(Generation next, Done done) = 0;
  // Of the generation that serves, in its order; closed once the server is to end.
  virtual const std::vector<Fd>& listeners() const = 0;
  // To Service::told() of that worker: at most message_bytes_max bytes. False when the worker is
  // down or has not read for long; the message is lost then.
  virtual bool tell(unsigned worker, std::string_view message) = 0;
  // fork(2), for a process that is no worker. The child has nothing of the pool's: no listener, no
  // channel, and its loop must not be used; it may not return to the pool.
  virtual pid_t fork_apart() = 0;
};

// What the pool tells the master's own code, in the master process.
struct Hooks {
  // Before the first worker is started. `master` lives until run() returns.
  std::function<void(Master& master)> on_start;
  // When everything has ended: the last moment to use `master` and its loop.
  std::function<void()> on_end;
  // What Worker::tell_master() said.
  std::function<void(unsigned worker, std::string_view message)> on_message;
  // Every worker has said that it is ready, for the first time.
  std::function<void()> on_ready;
  // After worker `index` has ended, whichever way: settle what it shared.
  std::function<void(unsigned index)> on_worker_end;
  // The server is going to end, for the first time that this is decided.
  std::function<void()> on_stop;
  // SIGHUP. None: it stops the server, as a closed terminal should.
  std::function<void()> on_hangup;
  std::function<void()> on_user1;  // SIGUSR1
  std::function<void()> on_user2;  // SIGUSR2
};

// A place among the connections of a worker; hold it as long as the connection is open.
class Seat {
 public:
  Seat() = default;
  explicit Seat(Worker& worker);
  Seat(Seat&& other) noexcept : worker_(std::exchange(other.worker_, nullptr)) {}
  Seat& operator=(Seat&& other) noexcept;
  ~Seat() { release(); }

 private:
  void release();
  Worker* worker_ = nullptr;
};

struct Connection {
  Fd socket;                // non-blocking, close-on-exec
  unsigned listener = 0;    // index of the listener that it came in by
  sockaddr_storage peer{};  // as accept(2) gave it
  socklen_t peer_size = 0;
  Seat seat;
};

// What a worker does with its connections: one object per worker process, made after the fork.
class Service {
 public:
  virtual ~Service() = default;
  virtual void accepted(Connection connection) = 0;
  // Graceful stop: finish what is open, start nothing new. The worker ends when no seat is taken
  // and finished() holds.
  virtual void drain() = 0;
  // As drain(), but others serve from now on: there is no hurry, and clients should be led to them
  // without a request that fails.
  virtual void replaced() { drain(); }
  // Fast stop: let go of everything now.
  virtual void stop() = 0;
  // What Master::tell() said.
  virtual void told(std::string_view) {}
  // Whether there is nothing left to wait for besides connections; tell the worker with
  // Worker::check_finished() when that becomes true.
  virtual bool finished() const { return true; }
};

// The pool's side of a worker process, for its service.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual Loop& loop() = 0;
  // Of its slot: under slots_max, and no other worker that is alive has it.
  virtual unsigned index() const = 0;
  // Its number among the workers of its generation: under Options::workers.
  virtual unsigned ordinal() const { return index(); }
  // What is being done, for the obituary should it be the last; cut at 127 bytes.
  virtual void describe(std::string_view what) = 0;
  virtual void check_finished() = 0;
  // Asks to be replaced: as soon as a successor is ready, the service hears replaced().
  virtual void retire() {}
  // To Hooks::on_message: at most message_bytes_max bytes. In order; kept while the master is
  // busy, and lost with it.
  virtual void tell_master(std::string_view message) = 0;

 private:
  friend class Seat;
  virtual void seat_taken() = 0;
  virtual void seat_released() = 0;
};

// Opens a listening socket on "ADDR:PORT", ":PORT", "[v6]:PORT" or "unix:/path". None on failure,
// after printing why to standard error.
std::vector<Fd> listen(std::string_view address);

// The master. Returns when the pool has stopped (INT and TERM: at once; QUIT: when the open
// connections are done): 0, or the exit status of a worker that could not start. To fail to start,
// a factory calls std::exit with a status other than 0. Workers end by themselves when the master
// is gone.
int run(Generation first, Hooks hooks);
int run(const Options& options, std::vector<Fd> listeners, ServiceFactory factory);

}  // namespace cgisrv::pool
