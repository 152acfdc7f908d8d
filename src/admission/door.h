// A worker's side of admission: every program goes through the door before it is started.
#pragma once

#include <cgisrv/loop.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "admission/messages.h"
#include "admission/table.h"

namespace cgisrv::admission {

class Door;
class Entry;

// The right to run; held until the program has been reaped, then given back.
class Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept { *this = std::move(other); }
  Place& operator=(Place&& other) noexcept;
  ~Place() { give_back(); }

  void give_back();
  explicit operator bool() const { return door_ != nullptr; }

 private:
  friend class Door;
  Place(Door& door, ProgramRow& program, unsigned place, unsigned total, std::uint64_t client)
      : door_(&door), program_(&program), place_(place), total_(total), client_(client) {}

  Door* door_ = nullptr;
  ProgramRow* program_ = nullptr;
  unsigned place_ = 0;
  unsigned total_ = 0;
  std::uint64_t client_ = 0;  // 0: not counted
};

// Who wants to run what. `client`: an address as a number, net::Address::client().
struct Request {
  std::uint32_t location = 0;
  std::string_view file;
  std::uint64_t client = 0;
  bool warm = false;  // for those who look
  Limits limits;
  std::chrono::milliseconds timeout{5000};  // in the queue
};

class Door {
 public:
  using Tell = std::function<void(const Message& message)>;

  // `tell` reaches the master's arbiter. All of them outlive the door, and the door its entries.
  Door(Loop& loop, Table& table, unsigned worker, Tell tell)
      : loop_(loop), table_(table), worker_(worker), tell_(std::move(tell)) {}

  // What the arbiter says.
  void told(const Message& message);

 private:
  friend class Entry;
  friend class Place;

  Place try_at_once(ProgramRow& program, const Limits& limits);
  void give_back(const Place& place);

  Loop& loop_;
  Table& table_;
  unsigned worker_;
  Tell tell_;
  std::unordered_map<std::uint32_t, Entry*> waiting_;
  std::uint32_t last_ = 0;
};

// One request on its way in. Leaves the queue when it goes.
class Entry {
 public:
  enum class State : std::uint8_t { outside, waiting, admitted, full, timed_out };

  // `decided` is called when the state is no longer waiting, unless enter() said so at once.
  Entry(Door& door, Callback decided)
      : door_(door),
        decided_(decided),
        timer_(door.loop_, Callback::of<&Entry::timer_due>(*this)) {}
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() { leave(); }

  State enter(const Request& request);
  State state() const { return state_; }
  // Of the program, once it has been entered for.
  account::Figures* figures() { return program_ == nullptr ? nullptr : &program_->figures; }
  // Once, when admitted.
  Place take() { return std::move(place_); }

 private:
  friend class Door;
  void leave();
  void decide(State state);
  void timer_due(std::uint32_t);

  Door& door_;
  Callback decided_;
  Timer timer_;
  State state_ = State::outside;
  Place place_;
  ProgramRow* program_ = nullptr;
  std::uint32_t number_ = 0;
};

}  // namespace cgisrv::admission
