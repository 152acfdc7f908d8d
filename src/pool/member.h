// One worker as the master sees it: a slot, and the process that is in it just now.
#pragma once

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

class Crew;
struct Member;

// Whom a member and its crew tell what becomes of them: the supervisor.
class MemberOwner {
 public:
  virtual void apply(Member& member, Event event) = 0;
  virtual void on_packet(Member& member, std::string_view packet) = 0;
  // Ready, with room again, or with room in its channel.
  virtual void has_room(Member& member) = 0;
  // The loop goes round.
  virtual void beat() = 0;

 protected:
  ~MemberOwner() = default;
};

struct Member {
  // Takes `slot`, whose row that is, until it is destroyed.
  Member(MemberOwner& owner, Loop& loop, Crew& crew, unsigned slot, unsigned ordinal,
         WorkerRow& row);
  ~Member();
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  void enter(State next);
  void is_process(pid_t process);
  // Before a process is started: what the last one has left is forgotten.
  void begin(std::size_t listeners);
  // A full channel means a worker that reads nothing: a timer is armed that will end it.
  void command(Command command) { channel.post(make_packet(command)); }
  bool responsive() const { return beats_missed < 2; }

  MemberOwner& owner;
  Loop& loop;
  Crew& crew;
  const unsigned slot;
  const unsigned ordinal;
  WorkerRow& row;
  State state = State::down;
  pid_t pid = 0;
  Channel channel;
  Timer timer;  // down: back-off is over; draining, stopping: overdue
  TimePoint started{};
  bool was_ready = false;
  bool is_to_end = false;         // was told so, however it ends then
  bool leaving = false;           // it is not started again
  Member* predecessor = nullptr;  // that is replaced when this is ready
  RestartPolicy restarts;
  std::uint32_t beats_seen = 0;
  unsigned beats_missed = 0;
  std::vector<std::uint32_t> tickets_sent;  // per listener, since the process started

  void channel_ready(std::uint32_t events);

 private:
  void timer_due(std::uint32_t);
};

}  // namespace cgisrv::pool
