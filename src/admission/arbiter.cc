#include "admission/arbiter.h"

#include <algorithm>
#include <iterator>
#include <ranges>

namespace cgisrv::admission {

Arbiter::Arbiter(Table& table, unsigned total_max, Tell tell)
    : table_(table), total_max_(total_max), tell_(std::move(tell)) {
  restrain(0);
}

void Arbiter::restrain(unsigned total) {
  table_.total_limit() = total == 0 ? total_max_ : std::min(total, total_max_);
  serve();
}

void Arbiter::set_total(unsigned total_max) {
  total_max_ = total_max;
  restrain(0);
}

void Arbiter::told(unsigned worker, const Message& message) {
  if (message.program >= programs_max) return;  // no honest worker says so
  switch (message.kind) {
    case Message::Kind::ask:
      return ask(worker, message);
    case Message::Kind::leave:
      return leave(worker, message);
    case Message::Kind::freed:
      if (message.client != 0) forget_client(worker, {message.program, message.client});
      return serve();
    case Message::Kind::grant:
    case Message::Kind::refuse:
      break;
  }
}

void Arbiter::ask(unsigned worker, const Message& request) {
  queues_[request.program].push_back({++arrivals_, worker, request});
  publish(request.program);
  serve();  // whoever gave a place back before this was published has told nobody
  const auto found = queues_.find(request.program);
  if (found == queues_.end()) return;
  Queue& queue = found->second;
  const bool still_waits = queue.back().arrival == arrivals_;
  if (!still_waits || queue.size() <= std::min(request.limits.queue_size, queue_size_max)) return;
  // Who cannot be told now stays in the queue, though it is one too many, and so gets an answer.
  if (!tell_(worker, {.kind = Message::Kind::refuse, .request = request.request})) return;
  queue.pop_back();
  publish(request.program);
}

void Arbiter::leave(unsigned worker, const Message& request) {
  const auto found = queues_.find(request.program);
  if (found == queues_.end()) return;
  std::erase_if(found->second, [&](const Waiter& waiter) {
    return waiter.worker == worker && waiter.request.request == request.request;
  });
  publish(request.program);
}

void Arbiter::worker_ended(unsigned worker) {
  table_.total().give_back_all_of(worker);
  for (unsigned i = 0; i < programs_max; ++i)
    if (table_.used(i)) table_.row(i).places.give_back_all_of(worker);
  for (const auto& [client, count] : clients_of_worker_[worker]) {
    clients_[client] -= count;
    if (clients_[client] == 0) clients_.erase(client);
  }
  clients_of_worker_.erase(worker);
  for (auto next = queues_.begin(); next != queues_.end();) {
    const auto program = next->first;
    std::erase_if(next++->second, [&](const Waiter& waiter) { return waiter.worker == worker; });
    publish(program);
  }
  serve();
}

void Arbiter::forget_client(unsigned worker, const Client& client) {
  auto& mine = clients_of_worker_[worker];
  if (const auto found = mine.find(client); found != mine.end() && --found->second == 0)
    mine.erase(found);
  if (const auto found = clients_.find(client); found != clients_.end() && --found->second == 0)
    clients_.erase(found);
}

// Workers look at this before they take a place by themselves. An empty queue is forgotten.
void Arbiter::publish(std::uint32_t program) {
  const auto found = queues_.find(program);
  const std::size_t size = found == queues_.end() ? 0 : found->second.size();
  table_.row(program).waiting = static_cast<std::uint32_t>(size);
  if (found != queues_.end() && size == 0) queues_.erase(found);
}

void Arbiter::serve() {
  total_is_short_ = false;
  deaf_.clear();
  std::size_t deaf = 0;
  do {
    deaf = deaf_.size();
    while (serve_one()) {
    }
  } while (deaf_.size() > deaf);  // those behind a worker that cannot be told come first now
  std::size_t waiting = 0;
  if (total_is_short_)
    for (const Queue& queue : queues_ | std::views::values)
      waiting += queue.size();
  const bool newly_short = waiting > 0 && table_.total_waiting() == 0;
  table_.total_waiting() = static_cast<std::uint32_t>(waiting);
  // As in ask(): one given back before this was published has told nobody.
  if (newly_short && serve_one()) serve();
}

// Of the first in each queue that may run, the one that has waited longest.
bool Arbiter::serve_one() {
  std::vector<std::pair<std::uint64_t, Queue::iterator>> first;
  for (Queue& queue : queues_ | std::views::values) {
    const auto next =
        std::ranges::find_if(queue, [&](const Waiter& waiter) { return may_run(waiter); });
    if (next != queue.end()) first.emplace_back(next->arrival, next);
  }
  std::ranges::sort(first, {}, &decltype(first)::value_type::first);
  for (const auto& [arrival, waiter] : first) {
    if (!grant(*waiter)) continue;
    const std::uint32_t program = waiter->request.program;
    queues_.at(program).erase(waiter);
    publish(program);
    return true;
  }
  return false;
}

bool Arbiter::may_run(const Waiter& waiter) const {
  if (deaf_.contains(waiter.worker)) return false;
  const unsigned most = waiter.request.limits.max_running_per_client;
  const auto found = clients_.find({waiter.request.program, waiter.request.client});
  return most == 0 || found == clients_.end() || found->second < most;
}

bool Arbiter::grant(const Waiter& waiter) {
  const auto& [arrival, worker, request] = waiter;
  auto& places = table_.row(request.program).places;
  const auto place = places.take(worker, request.limits.max_running);
  if (!place) return false;
  const auto total = table_.total().take(worker, table_.total_limit());
  if (total && tell_(worker, {.kind = Message::Kind::grant,
                              .request = request.request,
                              .program = request.program,
                              .client = request.client,
                              .place = *place,
                              .total = *total})) {
    count_client(worker, request);
    return true;
  }
  places.give_back(*place);
  if (total) {
    table_.total().give_back(*total);
    deaf_.insert(worker);
  } else {
    total_is_short_ = true;
  }
  return false;
}

void Arbiter::count_client(unsigned worker, const Message& request) {
  if (request.limits.max_running_per_client == 0) return;
  const Client client{request.program, request.client};
  ++clients_[client];
  ++clients_of_worker_[worker][client];
}

}  // namespace cgisrv::admission
