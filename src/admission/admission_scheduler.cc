#include "admission/admission_scheduler.h"

#include <algorithm>
#include <iterator>
#include <ranges>

namespace cgisrv::admission {

namespace {

bool is_counted(const Message& request) {
  return request.client != 0 && request.limits.max_running_per_client != 0;
}

}  // namespace

AdmissionScheduler::AdmissionScheduler(Table& table, unsigned total_max, Tell tell)
    : table_(table), registry_(table), total_max_(total_max), tell_(std::move(tell)) {
  limit_total(0);
}

void AdmissionScheduler::limit_total(unsigned total) {
  table_.is_restrained() = total != 0 && total < total_max_;
  table_.total_limit() = total == 0 ? total_max_ : std::min(total, total_max_);
  serve();
}

void AdmissionScheduler::set_total(unsigned total_max) {
  total_max_ = total_max;
  limit_total(0);
}

void AdmissionScheduler::on_message(unsigned worker, const Message& message) {
  if (message.program >= programs_max) return;  // no honest worker sends that
  switch (message.kind) {
    case Message::Kind::open:
      return open(worker, message);
    case Message::Kind::ask:
      return ask(worker, message);
    case Message::Kind::leave:
      return leave(worker, message);
    case Message::Kind::expire:
      return expire(worker, message);
    case Message::Kind::freed:
      if (message.client != 0) forget_client(worker, {message.program, message.client});
      return serve();
    case Message::Kind::crowd:  // for LimitMonitor
    case Message::Kind::opened:
    case Message::Kind::crowded:
    case Message::Kind::grant:
    case Message::Kind::full:
    case Message::Kind::greedy:
    case Message::Kind::expired:
      break;
  }
}

void AdmissionScheduler::has_room(unsigned worker) {
  if (const auto unopened = unopened_.extract(worker))
    for (const Message& request : unopened.mapped())
      open(worker, request);
  if (deaf_.contains(worker)) serve();
}

void AdmissionScheduler::open(unsigned worker, const Message& request) {
  if (request.key.first == 0) return;
  const auto row = registry_.open(request.key);
  if (!tell_(worker, {.kind = row ? Message::Kind::opened : Message::Kind::crowded,
                      .request = request.request,
                      .program = row.value_or(0)}))
    unopened_[worker].push_back(request);
}

void AdmissionScheduler::ask(unsigned worker, const Message& request) {
  if (!table_.used(request.program)) return;  // the requester has left, and the row was taken back
  queues_[request.program].push_back({++arrivals_, worker, request});
  publish(request.program);
  serve();  // a permit given back before this was published was not reported
  const auto found = queues_.find(request.program);
  if (found == queues_.end()) return;
  Queue& queue = found->second;
  const bool still_waits = queue.back().arrival == arrivals_;
  const bool is_full = queue.size() > std::min(request.limits.queue_size, queue_size_max);
  const bool is_greedy = has_its_share(queue, request);
  if (!still_waits || (!is_full && !is_greedy)) return;
  const auto kind = is_greedy ? Message::Kind::greedy : Message::Kind::full;
  // If the refusal cannot be delivered now, the request stays queued, one over the limit, so that
  // it is still answered.
  if (!tell_(worker, {.kind = kind, .request = request.request, .held_by = held_by(request)}))
    return;
  queue.pop_back();
  publish(request.program);
}

// The client's limit comes first: while it holds a request, raising another limit does not help.
LimitKind AdmissionScheduler::held_by(const Message& request) const {
  if (client_has_its_share(request)) return LimitKind::client;
  return table_.held_by(table_.row(request.program), request.limits);
}

// Whether its client has more in the queue than it may have, so that it cannot fill it alone.
bool AdmissionScheduler::has_its_share(const Queue& queue, const Message& request) {
  const unsigned most = request.limits.queue_per_client;
  if (request.client == 0 || most == 0 || queue.size() <= most) return false;
  const auto waiting = std::ranges::count(
      queue, request.client, [](const Waiter& waiter) { return waiter.request.client; });
  return static_cast<std::size_t>(waiting) > most;
}

void AdmissionScheduler::leave(unsigned worker, const Message& request) {
  const auto found = queues_.find(request.program);
  if (found == queues_.end()) return;
  std::erase_if(found->second, [&](const Waiter& waiter) {
    return waiter.worker == worker && waiter.request.request == request.request;
  });
  publish(request.program);
}

// A request that is no longer queued has its grant, or a refusal, on the way. If the answer cannot
// be delivered now, the worker waits for it only briefly.
void AdmissionScheduler::expire(unsigned worker, const Message& request) {
  const auto found = queues_.find(request.program);
  if (found == queues_.end()) return;
  const auto waiter = std::ranges::find_if(found->second, [&](const Waiter& each) {
    return each.worker == worker && each.request.request == request.request;
  });
  if (waiter == found->second.end()) return;
  tell_(worker, {.kind = Message::Kind::expired,
                 .request = request.request,
                 .held_by = held_by(waiter->request)});
  leave(worker, request);
}

void AdmissionScheduler::worker_ended(unsigned worker) {
  table_.total().give_back_all_of(worker);
  table_.leave_all(worker);
  for (unsigned i = 0; i < programs_max; ++i)
    if (table_.used(i)) table_.row(i).permits.give_back_all_of(worker);
  for (const auto& [client, count] : clients_of_worker_[worker]) {
    clients_[client] -= count;
    if (clients_[client] == 0) clients_.erase(client);
  }
  clients_of_worker_.erase(worker);
  unopened_.erase(worker);
  for (auto next = queues_.begin(); next != queues_.end();) {
    const auto program = next->first;
    std::erase_if(next++->second, [&](const Waiter& waiter) { return waiter.worker == worker; });
    publish(program);
  }
  serve();
}

void AdmissionScheduler::forget_client(unsigned worker, const Client& client) {
  auto& mine = clients_of_worker_[worker];
  if (const auto found = mine.find(client); found != mine.end() && --found->second == 0)
    mine.erase(found);
  if (const auto found = clients_.find(client); found != clients_.end() && --found->second == 0)
    clients_.erase(found);
}

// Workers check this before they take a permit by themselves. An empty queue is dropped.
void AdmissionScheduler::publish(std::uint32_t program) {
  const auto found = queues_.find(program);
  const std::size_t size = found == queues_.end() ? 0 : found->second.size();
  table_.row(program).waiting = static_cast<std::uint32_t>(size);
  if (found != queues_.end() && size == 0) queues_.erase(found);
}

void AdmissionScheduler::serve() {
  total_is_short_ = false;
  deaf_.clear();
  std::size_t deaf = 0;
  do {
    deaf = deaf_.size();
    while (serve_one()) {
    }
  } while (deaf_.size() > deaf);  // requests behind those of an unreachable worker are now first
  std::size_t waiting = 0;
  if (total_is_short_)
    for (const Queue& queue : queues_ | std::views::values)
      waiting += queue.size();
  const bool newly_short = waiting > 0 && table_.total_waiting() == 0;
  table_.total_waiting() = static_cast<std::uint32_t>(waiting);
  // As in ask(): a permit given back before this was published was not reported.
  if (newly_short && serve_one()) serve();
}

// Serves the request that has waited longest among those at the head of each queue that may run.
bool AdmissionScheduler::serve_one() {
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

bool AdmissionScheduler::may_run(const Waiter& waiter) const {
  return !deaf_.contains(waiter.worker) && !client_has_its_share(waiter.request);
}

// Whether as many of its client run as may.
bool AdmissionScheduler::client_has_its_share(const Message& request) const {
  if (!is_counted(request)) return false;
  const auto found = clients_.find({request.program, request.client});
  return found != clients_.end() && found->second >= request.limits.max_running_per_client;
}

bool AdmissionScheduler::grant(const Waiter& waiter) {
  const auto& [arrival, worker, request] = waiter;
  const ProgramRow& row = table_.row(request.program);
  auto& permits = table_.row(request.program).permits;
  const auto permit = permits.take(worker, table_.limit_of(row, request.limits));
  if (!permit) return false;
  const auto total = table_.total().take(worker, table_.total_limit());
  if (total && tell_(worker, {.kind = Message::Kind::grant,
                              .request = request.request,
                              .program = request.program,
                              .client = is_counted(request) ? request.client : 0,
                              .permit = *permit,
                              .total = *total})) {
    count_client(worker, request);
    return true;
  }
  permits.give_back(*permit);
  if (total) {
    table_.total().give_back(*total);
    deaf_.insert(worker);
  } else {
    total_is_short_ = true;
  }
  return false;
}

void AdmissionScheduler::count_client(unsigned worker, const Message& request) {
  if (!is_counted(request)) return;
  const Client client{request.program, request.client};
  ++clients_[client];
  ++clients_of_worker_[worker][client];
}

}  // namespace cgisrv::admission
