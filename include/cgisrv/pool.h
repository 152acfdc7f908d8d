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
inline constexpr unsigned listeners_max = 64;

inline constexpr std::size_t message_bytes_max = 200;

enum class Stop : std::uint8_t {
  finish,  // as SIGQUIT: when the open connections are done, at the latest after shutdown_timeout
  now,     // as SIGTERM
};

struct WorkerStatus {
  unsigned index = 0;
  pid_t pid = 0;                  // 0: there is no process just now
  std::string_view state;         // down, starting, running, draining, stopping, killed
  std::uint32_t connections = 0;  // open
  std::uint64_t accepted = 0;     // since this process was started
  unsigned restarts = 0;          // of the worker, since the server was started
};

// In the master process: what its own code may use besides the pool.
class Master {
 public:
  virtual ~Master() = default;
  virtual Loop& loop() = 0;
  virtual std::vector<WorkerStatus> workers() const = 0;
  virtual void stop(Stop how) = 0;
  // To Service::told() of that worker: at most message_bytes_max bytes. False when the worker is
  // down or has not read for long; the message is lost then.
  virtual bool tell(unsigned worker, std::string_view message) = 0;
  // fork(2), for a process that is no worker. The child has nothing of the pool's: no listener, no
  // channel, and its loop must not be used; it may not return to the pool.
  virtual pid_t fork_apart() = 0;
};

struct Options {
  unsigned workers = 0;  // 0: one per core; at most workers_max
  unsigned worker_connections = 65'535;
  unsigned worker_events = 10'000;  // at most so many events per epoll_wait
  Dispatch dispatch = Dispatch::round_robin;
  std::chrono::milliseconds heartbeat_timeout{10'000};  // a worker silent for so long is replaced
  std::chrono::milliseconds shutdown_timeout{30'000};   // QUIT: then what is still open is cut
  std::chrono::milliseconds stop_timeout{3'000};        // TERM: then workers are killed

  // In the master, before the first worker is started. `master` lives until run() returns.
  std::function<void(Master& master)> on_start;
  // In the master, when everything has ended: the last moment to use `master` and its loop.
  std::function<void()> on_end;
  // In the master: what Worker::tell_master() said.
  std::function<void(unsigned worker, std::string_view message)> on_message;
  // In the master. Every worker has said that it is ready, for the first time.
  std::function<void()> on_ready;
  // In the master, after worker `index` has ended, whichever way: settle what it shared.
  std::function<void(unsigned index)> on_worker_end;
  // In the master, on SIGHUP. None: SIGHUP stops the server, as a closed terminal should.
  std::function<void()> on_hangup;
  // In the master, on SIGUSR1.
  std::function<void()> on_user1;
};

class Worker;

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
  virtual unsigned index() const = 0;
  // What is being done, for the obituary should it be the last; cut at 127 bytes.
  virtual void describe(std::string_view what) = 0;
  virtual void check_finished() = 0;
  // To Options::on_message: at most message_bytes_max bytes. In order; kept while the master is
  // busy, and lost with it.
  virtual void tell_master(std::string_view message) = 0;

 private:
  friend class Seat;
  virtual void seat_taken() = 0;
  virtual void seat_released() = 0;
};

using ServiceFactory = std::function<std::unique_ptr<Service>(Worker&)>;

// Opens a listening socket on "ADDR:PORT", ":PORT", "[v6]:PORT" or "unix:/path". None on failure,
// after printing why to standard error.
std::vector<Fd> listen(std::string_view address);

// The master. Returns when the pool has stopped (INT and TERM: at once; QUIT: when the open
// connections are done): 0, or the exit status of a worker that could not start. To fail to start,
// a factory calls std::exit with a status other than 0. Workers end by themselves when the master
// is gone.
int run(const Options& options, std::vector<Fd> listeners, const ServiceFactory& factory);

}  // namespace cgisrv::pool
