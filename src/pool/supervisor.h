// The master process: keeps the workers alive, and replaces old generations by new ones. The group
// decides which worker gets a connection.
#pragma once

#include <cgisrv/pool.h>
#include <sys/types.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/signals.h"
#include "pool/scoreboard.h"
#include "pool/worker_group.h"
#include "pool/worker_handle.h"

namespace cgisrv::pool {

class Supervisor final : public Master, private WorkerEvents {
 public:
  Supervisor(WorkerGroupSpec first, Hooks hooks);

  int run();

  Loop& loop() override { return loop_; }
  bool tell(unsigned worker, std::string_view message) override;
  pid_t fork_apart(const std::function<void()>& keep) override;
  std::vector<WorkerStatus> workers() const override { return scoreboard_.workers(); }
  PoolStatus status() const override { return scoreboard_.status(); }
  void stop(Stop how) override;
  std::string replace(WorkerGroupSpec next, Done done) override;
  const std::vector<Fd>& listeners() const override { return serving_->listeners(); }

 private:
  // ---- WorkerEvents
  void apply(WorkerHandle& handle, Event event) override;
  void on_packet(WorkerHandle& handle, std::string_view packet) override;
  void has_room(WorkerHandle& handle) override;
  void beat() override;

  WorkerGroup& add_group(WorkerGroupSpec spec);
  WorkerHandle* add_worker(WorkerGroup& group, unsigned ordinal);
  bool fill(WorkerGroup& group);
  void act(WorkerHandle& handle, Action action);
  void start_worker(WorkerHandle& handle);
  void fork_worker(WorkerHandle& handle, Fd channel);
  [[noreturn]] void become_worker(WorkerHandle& handle, Fd channel);

  void became_ready(WorkerHandle& handle);
  void is_worn(WorkerHandle& handle);
  void leave(WorkerGroup& group, Event event);
  void take_over();
  void give_up();

  void on_signal(int number);
  void reap();
  void ended(WorkerHandle& handle, int status);
  bool could_not_begin(const WorkerHandle& handle, int status) const;
  void write_obituary(const WorkerHandle& handle, int status) const;
  void end_all(Event event);
  void sweep();
  bool is_alone() const;
  void listeners_ready() { serving_->hand_out(); }

  const Hooks hooks_;
  Scoreboard scoreboard_;
  Loop loop_;
  Signals signals_;
  Timer sweep_;
  unsigned generations_ = 0;
  std::list<std::unique_ptr<WorkerGroup>> groups_;
  WorkerGroup* serving_;
  WorkerGroup* coming_ = nullptr;
  Done replaced_;           // told what became of coming_
  std::string problem_;     // why coming_ is given up
  bool announced_ = false;  // all workers of the first generation have been ready
  bool ending_ = false;     // all workers are to end
  int status_ = 0;
};

}  // namespace cgisrv::pool
