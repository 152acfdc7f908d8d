#include "admission/door.h"

namespace cgisrv::admission {

// ---- Place -------------------------------------------------------------------------------------

Place& Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  door_ = std::exchange(other.door_, nullptr);
  program_ = other.program_;
  place_ = other.place_;
  total_ = other.total_;
  client_ = other.client_;
  return *this;
}

void Place::give_back() {
  if (Door* const door = std::exchange(door_, nullptr)) door->give_back(*this);
}

// ---- Door --------------------------------------------------------------------------------------

// Nobody waits and there is a place: no need to ask. Clients that are counted are counted by the
// master, which is asked about them every time.
Place Door::try_at_once(ProgramRow& program, const Limits& limits) {
  if (limits.max_running_per_client != 0 || program.waiting != 0 || table_.total_waiting() != 0)
    return {};
  const auto place = program.places.take(worker_, limits.max_running);
  if (!place) return {};
  if (const auto total = table_.total().take(worker_, table_.total_limit()))
    return {*this, program, *place, *total, 0};
  program.places.give_back(*place);
  return {};
}

// Free first, then look who waits: the arbiter says that somebody does, then looks for free ones.
void Door::give_back(const Place& place) {
  place.program_->places.give_back(place.place_);
  table_.total().give_back(place.total_);
  if (place.program_->waiting == 0 && table_.total_waiting() == 0 && place.client_ == 0) return;
  tell_({.kind = Message::Kind::freed,
         .program = table_.index(*place.program_),
         .client = place.client_});
}

void Door::told(const Message& message) {
  const auto found = waiting_.find(message.request);
  Entry* const entry = found == waiting_.end() ? nullptr : found->second;
  if (message.kind == Message::Kind::refuse && entry != nullptr) {
    ++entry->program_->refused;
    return entry->decide(Entry::State::full);
  }
  if (message.kind != Message::Kind::grant) return;
  // Who has left meanwhile gives back what it never used.
  Place place(*this, table_.row(message.program), message.place, message.total, message.client);
  if (entry == nullptr) return;
  entry->place_ = std::move(place);
  entry->decide(Entry::State::admitted);
}

// ---- Entry -------------------------------------------------------------------------------------

Entry::State Entry::enter(const Request& request) {
  program_ = &door_.table_.find(request.location, request.file);
  Limits limits = request.limits;
  if (request.client == 0) limits.max_running_per_client = 0;  // nobody to count
  program_->limit.store(limits.max_running, std::memory_order_relaxed);
  program_->queue_size.store(limits.queue_size, std::memory_order_relaxed);
  program_->warm.store(request.warm, std::memory_order_relaxed);
  place_ = door_.try_at_once(*program_, limits);
  if (place_) return state_ = State::admitted;
  const bool counted = limits.max_running_per_client != 0;
  if (!counted && program_->waiting >= limits.queue_size && program_->waiting != 0) {
    ++program_->refused;
    return state_ = State::full;
  }
  number_ = ++door_.last_;
  door_.waiting_[number_] = this;
  timer_.arm_after(request.timeout);
  door_.tell_({.kind = Message::Kind::ask,
               .request = number_,
               .program = door_.table_.index(*program_),
               .client = counted ? request.client : 0,
               .limits = limits});
  return state_ = State::waiting;
}

void Entry::leave() {
  if (state_ != State::waiting) return;
  door_.waiting_.erase(number_);
  state_ = State::outside;
  door_.tell_(
      {.kind = Message::Kind::leave, .request = number_, .program = door_.table_.index(*program_)});
}

void Entry::decide(State state) {
  door_.waiting_.erase(number_);
  timer_.disarm();
  state_ = state;
  decided_(0);
}

void Entry::timer_due(std::uint32_t) {
  leave();
  ++program_->refused;
  state_ = State::timed_out;
  decided_(0);
}

}  // namespace cgisrv::admission
