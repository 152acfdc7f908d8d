#include "admission/admission_client.h"

#include <algorithm>

namespace cgisrv::admission {

namespace {

PendingAdmission::State refusal(Message::Kind kind) {
  switch (kind) {
    case Message::Kind::full:
      return PendingAdmission::State::full;
    case Message::Kind::greedy:
      return PendingAdmission::State::greedy;
    case Message::Kind::expired:
      return PendingAdmission::State::timed_out;
    default:
      return PendingAdmission::State::crowded;
  }
}

std::shared_ptr<account::ProgramStats> stats_of(const std::shared_ptr<ProgramRow>& program) {
  return program ? std::shared_ptr<account::ProgramStats>(program, &program->stats) : nullptr;
}

}  // namespace

// ---- Permit ------------------------------------------------------------------------------------

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  admission_client_ = std::exchange(other.admission_client_, nullptr);
  program_ = other.program_;
  permit_ = other.permit_;
  total_ = other.total_;
  client_ = other.client_;
  return *this;
}

void Permit::give_back() {
  if (AdmissionClient* const admission_client = std::exchange(admission_client_, nullptr))
    admission_client->give_back(*this);
}

// ---- AdmissionClient ---------------------------------------------------------------------------

// Nobody waits and there is a permit: no need to ask. Only the master counts clients, so it is
// asked about each request of a counted client.
Permit AdmissionClient::try_at_once(ProgramRow& program, const Limits& limits) {
  if (limits.max_running_per_client != 0 || program.waiting != 0 || table_.total_waiting() != 0)
    return {};
  const auto permit = program.permits.take(worker_, table_.limit_of(program, limits));
  if (!permit) return {};
  if (const auto total = table_.total().take(worker_, table_.total_limit())) {
    if (limits.automatic && *permit >= table_.start_limit()) report_crowd(program, limits);
    return {*this, program, *permit, *total, 0};
  }
  program.permits.give_back(*permit);
  return {};
}

// Whoever took no permit from the master is nothing that the master knows of. Where more run than
// at the start, it has to see whether they compute.
void AdmissionClient::report_crowd(ProgramRow& program, const Limits& limits) {
  if (program.watched.exchange(true)) return;
  tell_({.kind = Message::Kind::crowd, .program = table_.index(program), .limits = limits});
}

std::shared_ptr<ProgramRow> AdmissionClient::use(const AdmissionRequest& request,
                                                 std::optional<unsigned> row) {
  const ProgramKey key = table_.key(request.location, request.file);
  if (!row) row = table_.find(key);
  if (!row) return nullptr;
  const auto now = loop_.now().time_since_epoch();
  ++uses_[*row];
  table_.use(worker_, *row, std::chrono::duration_cast<std::chrono::milliseconds>(now));
  std::shared_ptr<ProgramRow> program(&table_.row(*row),
                                      [this, at = *row](ProgramRow*) { leave(at); });
  if (!table_.has(*row, key)) return nullptr;
  if (!program->named.load(std::memory_order_acquire)) {
    // Several may write at once: the same bytes.
    const auto name = request.file.substr(0, program->name.size() - 1);
    *std::ranges::copy(name, program->name.begin()).out = '\0';
    program->named.store(true, std::memory_order_release);
  }
  return program;
}

void AdmissionClient::leave(unsigned row) {
  if (--uses_[row] == 0) table_.leave(worker_, row);
}

std::shared_ptr<account::ProgramStats> AdmissionClient::stats(const AdmissionRequest& request) {
  return stats_of(use(request));
}

std::optional<LimitKind> AdmissionClient::refuses(const AdmissionRequest& request) {
  const auto program = use(request);
  if (!program) return std::nullopt;
  const unsigned waiting = program->waiting;
  if (waiting < request.limits.queue_size) return std::nullopt;
  // A client that is counted may overtake others, if there is a permit.
  const bool counted = request.client != 0 && request.limits.max_running_per_client != 0;
  const bool is_full = (waiting != 0 && !counted) ||
                       program->permits.taken() >= table_.limit_of(*program, request.limits);
  if (!is_full) return std::nullopt;
  ++program->refused;
  return table_.held_by(*program, request.limits);
}

// Free first, then check for waiters: the scheduler does the reverse, so neither misses the other.
void AdmissionClient::give_back(const Permit& permit) {
  permit.program_->pids[permit.permit_].store(0);
  permit.program_->permits.give_back(permit.permit_);
  table_.total().give_back(permit.total_);
  if (permit.program_->waiting == 0 && table_.total_waiting() == 0 && permit.client_ == 0) return;
  tell_({.kind = Message::Kind::freed,
         .program = table_.index(*permit.program_),
         .client = permit.client_});
}

void AdmissionClient::on_message(const Message& message) {
  const auto found = waiting_.find(message.request);
  PendingAdmission* const pending = found == waiting_.end() ? nullptr : found->second;
  if (message.kind == Message::Kind::grant) {
    // A request that has left meanwhile gives back what it never used.
    Permit permit(*this, table_.row(message.program), message.permit, message.total,
                  message.client);
    if (pending == nullptr) return;
    pending->permit_ = std::move(permit);
    return pending->decide(PendingAdmission::State::admitted);
  }
  if (pending == nullptr) return;
  if (message.kind == Message::Kind::opened) return pending->opened(message.program);
  pending->refuse(refusal(message.kind), message.held_by);
}

// ---- PendingAdmission --------------------------------------------------------------------------

PendingAdmission::State PendingAdmission::enter(const AdmissionRequest& request) {
  request_ = request;
  if (request.client == 0) request_.limits.max_running_per_client = 0;  // no client to count
  return state_ = proceed(std::nullopt);
}

PendingAdmission::State PendingAdmission::proceed(std::optional<unsigned> row) {
  program_ = admission_client_.use(request_, row);
  if (!program_)
    return wait_for({.kind = Message::Kind::open,
                     .key = admission_client_.table_.key(request_.location, request_.file)},
                    opening_timeout);
  const Limits& limits = request_.limits;
  program_->limit.store(limits.max_running, std::memory_order_relaxed);
  program_->automatic.store(limits.automatic, std::memory_order_relaxed);
  program_->queue_size.store(limits.queue_size, std::memory_order_relaxed);
  program_->warm.store(request_.warm, std::memory_order_relaxed);
  permit_ = admission_client_.try_at_once(*program_, limits);
  if (permit_) return State::admitted;
  const bool counted = limits.max_running_per_client != 0;
  if (!counted && program_->waiting >= limits.queue_size && program_->waiting != 0) {
    ++program_->refused;
    held_by_ = admission_client_.table_.held_by(*program_, limits);
    return State::full;
  }
  return wait_for({.kind = Message::Kind::ask,
                   .program = admission_client_.table_.index(*program_),
                   .client = request_.client,
                   .limits = limits},
                  request_.timeout);
}

unsigned PendingAdmission::limit() const {
  if (!program_) return request_.limits.max_running;
  return admission_client_.table_.limit_of(*program_, request_.limits);
}

std::shared_ptr<account::ProgramStats> PendingAdmission::stats() const {
  return stats_of(program_);
}

PendingAdmission::State PendingAdmission::wait_for(Message message,
                                                   std::chrono::milliseconds timeout) {
  if (number_ == 0) {
    number_ = ++admission_client_.last_;
    if (number_ == 0) number_ = ++admission_client_.last_;  // 0: has not asked
    admission_client_.waiting_[number_] = this;
  }
  timer_.arm_after(timeout);
  message.request = number_;
  admission_client_.tell_(message);
  return State::waiting;
}

void PendingAdmission::opened(unsigned row) {
  if (const State state = proceed(row); state != State::waiting) decide(state);
}

void PendingAdmission::refuse(State state, LimitKind held_by) {
  held_by_ = held_by;
  if (program_) ++program_->refused;
  decide(state);
}

void PendingAdmission::leave() {
  if (state_ != State::waiting) return;
  admission_client_.waiting_.erase(number_);
  state_ = State::outside;
  if (!program_) return;  // it waits in no queue
  admission_client_.tell_({.kind = Message::Kind::leave,
                           .request = number_,
                           .program = admission_client_.table_.index(*program_)});
}

void PendingAdmission::decide(State state) {
  admission_client_.waiting_.erase(number_);
  timer_.disarm();
  state_ = state;
  decided_();
}

// Only the master knows how many run for a client.
void PendingAdmission::timer_due() {
  const bool counted = program_ && request_.limits.max_running_per_client != 0;
  if (counted && !std::exchange(has_expired_, true)) {
    wait_for({.kind = Message::Kind::expire, .program = admission_client_.table_.index(*program_)},
             expiry_timeout);
    return;
  }
  leave();
  if (!program_) return refuse(State::unanswered);
  refuse(State::timed_out, admission_client_.table_.held_by(*program_, request_.limits));
}

}  // namespace cgisrv::admission
