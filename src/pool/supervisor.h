// The master process: keeps the workers alive, and puts new generations of them in the place of old
// ones. Who gets which connection is the crew's business.
#pragma once

#include <cgisrv/pool.h>
#include <sys/types.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/signals.h"
#include "pool/crew.h"
#include "pool/member.h"
#include "pool/scoreboard.h"

namespace cgisrv::pool {

class Supervisor final : public Master, private MemberOwner {
 public:
  Supervisor(Generation first, Hooks hooks);

  int run();

  Loop& loop() override { return loop_; }
  bool tell(unsigned worker, std::string_view message) override;
  pid_t fork_apart() override;
  std::vector<WorkerStatus> workers() const override { return scoreboard_.workers(); }
  PoolStatus status() const override { return scoreboard_.status(); }
  void stop(Stop how) override;
  std::string replace(Generation next, Done done) override;
  const std::vector<Fd>& listeners() const override { return serving_->listeners(); }

 private:
  // ---- MemberOwner
  void apply(Member& member, Event event) override;
  void on_packet(Member& member, std::string_view packet) override;
  void has_room(Member&) override { serving_->hand_out(); }
  void beat() override;

  Crew& add_crew(Generation generation);
  Member* add_member(Crew& crew, unsigned ordinal);
  bool fill(Crew& crew);
  void act(Member& member, Action action);
  void start_worker(Member& member);
  void fork_worker(Member& member, Fd channel);
  void abandon();
  [[noreturn]] void become_worker(Member& member, Fd channel);

  void became_ready(Member& member);
  void is_worn(Member& member);
  void let_go(Member& member);
  void take_over();
  void give_up();

  void on_signal(std::uint32_t number);
  void reap();
  void ended(Member& member, int status);
  void write_obituary(const Member& member, int status) const;
  void end_all(Event event, Command farewell);
  void sweep(std::uint32_t);
  bool everyone(State state) const;
  void listeners_ready(std::uint32_t) { serving_->hand_out(); }

  const Hooks hooks_;
  Scoreboard scoreboard_;
  Loop loop_;
  Signals signals_;
  Timer sweep_;
  unsigned generations_ = 0;
  std::list<std::unique_ptr<Crew>> crews_;
  Crew* serving_;
  Crew* coming_ = nullptr;
  Done replaced_;                      // whom to tell what has become of coming_
  std::string problem_;                // why it is given up
  Command farewell_ = Command::drain;  // how workers are told to drain
  bool announced_ = false;
  bool ending_ = false;
  int status_ = 0;
};

}  // namespace cgisrv::pool
