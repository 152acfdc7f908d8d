// The master's side of admission: who waits, in order of arrival, and who is next.
//
// A request that finds a place takes it without asking. All others come here, and so do those whose
// client may have only so many: one process that decides needs no locks, forgets no one when a
// worker dies, and makes the longest waiting request the next.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "admission/messages.h"
#include "admission/table.h"

namespace cgisrv::admission {

class Arbiter {
 public:
  // Says something to a worker; false when it cannot be told now.
  using Tell = std::function<bool(unsigned worker, const Message& message)>;

  Arbiter(Table& table, unsigned total_max, Tell tell);

  void told(unsigned worker, const Message& message);
  // It has ended: what it held is free, and what waited for it is gone.
  void worker_ended(unsigned worker);
  // At most so many programs may run now (the machine is short of something), 0: as configured.
  void restrain(unsigned total);
  // Another configuration: so many in all.
  void set_total(unsigned total_max);

 private:
  struct Waiter {
    std::uint64_t arrival;
    unsigned worker;
    Message request;
  };
  using Queue = std::list<Waiter>;                         // in order of arrival
  using Client = std::pair<std::uint32_t, std::uint64_t>;  // of a program

  void ask(unsigned worker, const Message& request);
  void leave(unsigned worker, const Message& request);
  void forget_client(unsigned worker, const Client& client);
  void serve();
  bool serve_one();
  bool grant(const Waiter& waiter);
  bool may_run(const Waiter& waiter) const;
  void count_client(unsigned worker, const Message& request);
  void publish(std::uint32_t program);

  Table& table_;
  unsigned total_max_;
  const Tell tell_;
  std::map<std::uint32_t, Queue> queues_;  // by program
  std::uint64_t arrivals_ = 0;
  bool total_is_short_ = false;  // in the pass under way, as is:
  std::set<unsigned> deaf_;      // workers that could not be told
  // Running requests of clients that are counted, and by which workers.
  std::map<Client, unsigned> clients_;
  std::map<unsigned, std::map<Client, unsigned>> clients_of_worker_;
};

}  // namespace cgisrv::admission
