// The master process: watches the listeners, hands out tickets, and keeps the workers alive.
#pragma once

#include <cgisrv/pool.h>
#include <sys/types.h>

#include <memory>
#include <string_view>
#include <vector>

#include "event/signals.h"
#include "pool/channel.h"
#include "pool/dispatch.h"
#include "pool/lifecycle.h"
#include "pool/protocol.h"
#include "pool/restart.h"
#include "pool/scoreboard.h"

namespace cgisrv::pool {

class Supervisor final : public Master {
 public:
  Supervisor(const Options& options, std::vector<Fd> listeners, const ServiceFactory& factory);

  int run();

  Loop& loop() override { return loop_; }
  bool tell(unsigned worker, std::string_view message) override;
  pid_t fork_apart() override;
  std::vector<WorkerStatus> workers() const override;
  void stop(Stop how) override { end_all(how == Stop::finish ? Event::drain : Event::stop); }

 private:
  // One worker as the master sees it.
  struct Member {
    Member(Supervisor& supervisor, unsigned index);
    void channel_ready(std::uint32_t events);
    void on_packet(std::string_view packet);
    void timer_due(std::uint32_t);

    Supervisor& supervisor;
    const unsigned index;
    State state = State::down;
    pid_t pid = 0;
    Channel channel;
    Timer timer;  // down: back-off is over; draining, stopping: overdue
    TimePoint started;
    bool was_ready = false;
    unsigned starts = 0;
    RestartPolicy restarts;
    std::uint32_t beats_seen = 0;
    unsigned beats_missed = 0;
    std::vector<std::uint32_t> tickets_sent;  // per listener, since the process started
  };

  void apply(Member& member, Event event);
  void act(Member& member, Action action);
  void start_worker(Member& member);
  void abandon();
  [[noreturn]] void become_worker(Member& member, Fd channel);
  void ended(Member& member, int status);
  void write_obituary(const Member& member, int status, bool expected) const;
  void command(Member& member, Command command);
  bool everyone(State state) const;

  void on_signal(std::uint32_t number);
  void reap();
  void check_heartbeats(std::uint32_t);
  void end_all(Event event);

  void listeners_ready(std::uint32_t events);
  void hand_out(unsigned listener);
  static void send_tickets(Member& member, unsigned listener, std::uint32_t count);
  std::uint32_t pending(unsigned listener) const;
  std::uint32_t outstanding(const Member& member, unsigned listener) const;
  bool responsive(const Member& member) const { return member.beats_missed < 2; }

  const Options options_;
  std::vector<Fd> listeners_;
  const ServiceFactory& factory_;
  const unsigned count_;
  Scoreboard scoreboard_;
  Loop loop_;
  Signals signals_;
  std::vector<Watch> watches_;
  Timer heartbeat_;
  std::vector<std::unique_ptr<Member>> members_;
  Chooser chooser_;
  bool announced_ = false;
  bool ending_ = false;
  int status_ = 0;
};

}  // namespace cgisrv::pool
