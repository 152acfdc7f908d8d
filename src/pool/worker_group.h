// The workers of one group, in the master, and which of them gets the next connection.
//
//   coming --all are ready--> serving --others serve--> leaving --all have ended--> (gone)
//      \------one has failed---------------------------->/
#pragma once

#include <cgisrv/parent_only.h>
#include <cgisrv/pool.h>

#include <list>
#include <string>
#include <vector>

#include "pool/dispatch.h"
#include "pool/worker_handle.h"

namespace cgisrv::pool {

// How many workers there will be: as many as wanted, one for each processor if 0, within limits.
unsigned worker_count(unsigned wanted);

class WorkerGroup {
 public:
  enum class Phase : std::uint8_t { coming, serving, leaving };

  WorkerGroup(WorkerEvents& owner, Loop& loop, WorkerGroupSpec spec, unsigned number);

  const Options& options() const { return spec_.options; }
  const ServiceFactory& factory() const { return spec_.factory; }
  std::vector<Fd>& listeners() { return *listeners_; }
  unsigned number() const { return number_; }
  unsigned wanted() const { return wanted_; }
  std::list<WorkerHandle>& handles() { return handles_; }
  bool everyone_runs() const;

  // Begins to hand out connections. Returns why that is impossible, or an empty text.
  std::string begin_serving(WatchCallback listeners_ready);
  // Called in one of its workers: keeps open what that worker needs of the master's descriptors.
  void keep_in_worker();
  // First where workers are to finish. Of the listeners, those that neither `others` nor another
  // process has end with this group: who waits there is for its workers, however long it takes
  // until these have room.
  void end_listeners(const std::vector<Fd>& others);
  const std::string& ending() const { return ending_; }
  // Closes the listeners; other processes that have them take what is in their backlogs.
  void stop_listening();
  void hand_out();
  void ended() const;

  Phase phase = Phase::coming;

 private:
  void check_heartbeats();
  void hand_out(unsigned listener);
  static void send_tickets(WorkerHandle& handle, unsigned listener, std::uint32_t count);
  std::uint32_t pending(unsigned listener) const;

  WorkerEvents& owner_;
  Loop& loop_;
  WorkerGroupSpec spec_;
  ParentOnly<std::vector<Fd>> listeners_;
  const unsigned number_;
  const unsigned wanted_;
  Timer heartbeat_;
  std::vector<Watch> watches_;
  std::string ending_;  // each byte the number of a listener, as workers are told
  Chooser chooser_;
  std::list<WorkerHandle> handles_;
};

}  // namespace cgisrv::pool
