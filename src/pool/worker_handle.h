// One worker as the master sees it: a slot, and the process that is in it just now.
#pragma once

#include <cgisrv/parent_only.h>
#include <cgisrv/pool.h>
#include <sys/types.h>

#include <string_view>
#include <vector>

#include "pool/channel.h"
#include "pool/lifecycle.h"
#include "pool/protocol.h"
#include "pool/restart.h"
#include "pool/scoreboard.h"

namespace cgisrv::pool {

class WorkerGroup;
struct WorkerHandle;

// What a worker handle and its group report to the supervisor.
class WorkerEvents {
 public:
  virtual void apply(WorkerHandle& handle, Event event) = 0;
  virtual void on_packet(WorkerHandle& handle, std::string_view packet) = 0;
  // The worker is ready, has room again, or has room in its channel.
  virtual void has_room(WorkerHandle& handle) = 0;
  // The worker's loop turns.
  virtual void beat() = 0;

 protected:
  ~WorkerEvents() = default;
};

struct WorkerHandle {
  // Takes `slot`, whose row is `row`, until it is destroyed.
  WorkerHandle(WorkerEvents& owner, Loop& loop, WorkerGroup& group, unsigned slot, unsigned ordinal,
               WorkerRow& row);
  ~WorkerHandle();

  // Also cancels the timer of the state before.
  void enter(State next);
  void is_process(pid_t process);
  void has_no_process();
  // Before a process is started: clears what the last one left.
  void begin(std::size_t listeners);
  // A full channel means that the worker reads nothing: arms a timer that ends it.
  void command(Command command, std::string_view listeners = {}) {
    channel->post(make_packet(command).append(listeners));
  }
  bool responsive() const { return beats_missed < 2; }

  WorkerEvents& owner;
  Loop& loop;
  WorkerGroup& group;
  const unsigned slot;
  const unsigned ordinal;
  WorkerRow& row;
  State state = State::down;
  pid_t pid = 0;
  ParentOnly<Channel> channel;  // ParentOnly: else a dead master would look alive to other workers
  Timer timer;                  // down: the back-off; draining, stopping: their timeout
  TimePoint started{};
  WorkerHandle* predecessor = nullptr;  // the worker that this one replaces when it is ready
  RestartPolicy restarts;
  std::uint32_t beats_seen = 0;
  unsigned beats_missed = 0;
  std::vector<std::uint32_t> tickets_sent;  // per listener, since the process started

  void channel_ready();

 private:
  void timer_due();
};

}  // namespace cgisrv::pool
