// The master's side of admission: which requests wait, in order of arrival, and which is next.
//
// A request that finds a permit takes it without asking. All others come here, and so do those of
// clients with a limit. One process that decides needs no locks, loses no request when a worker
// dies, and serves the request that has waited longest.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "admission/messages.h"
#include "admission/registry.h"
#include "admission/table.h"

namespace cgisrv::admission {

class AdmissionScheduler {
 public:
  // Sends a message to a worker; false when that is impossible now.
  using Tell = std::function<bool(unsigned worker, const Message& message)>;

  AdmissionScheduler(Table& table, unsigned total_max, Tell tell);

  void on_message(unsigned worker, const Message& message);
  // That worker may have room again: sends what it could not be told.
  void has_room(unsigned worker);
  // The worker has ended: frees its permits and drops its waiters.
  void worker_ended(unsigned worker);
  // At most this many programs may run now (the machine is short of something); 0: as configured.
  void limit_total(unsigned total);
  // Programs may have got more room.
  void limits_changed() { serve(); }
  // A new configuration: this many in total.
  void set_total(unsigned total_max);

 private:
  struct Waiter {
    std::uint64_t arrival;
    unsigned worker;
    Message request;
  };
  using Queue = std::list<Waiter>;                         // in order of arrival
  using Client = std::pair<std::uint32_t, std::uint64_t>;  // of a program

  void open(unsigned worker, const Message& request);
  void ask(unsigned worker, const Message& request);
  LimitKind held_by(const Message& request) const;
  static bool has_its_share(const Queue& queue, const Message& request);
  void leave(unsigned worker, const Message& request);
  void expire(unsigned worker, const Message& request);
  void forget_client(unsigned worker, const Client& client);
  void serve();
  bool serve_one();
  bool grant(const Waiter& waiter);
  bool may_run(const Waiter& waiter) const;
  bool client_has_its_share(const Message& request) const;
  void count_client(unsigned worker, const Message& request);
  void publish(std::uint32_t program);

  Table& table_;
  Registry registry_;
  unsigned total_max_;
  const Tell tell_;
  std::map<std::uint32_t, Queue> queues_;  // by program
  std::uint64_t arrivals_ = 0;
  bool total_is_short_ = false;                        // a waiter lacked a permit of the total
  std::set<unsigned> deaf_;                            // workers not told; both in the last pass
  std::map<unsigned, std::vector<Message>> unopened_;  // by worker: messages about rows, not told
  // Running requests of clients that are counted, and their workers.
  std::map<Client, unsigned> clients_;
  std::map<unsigned, std::map<Client, unsigned>> clients_of_worker_;
};

}  // namespace cgisrv::admission
