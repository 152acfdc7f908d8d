// A worker's side of admission: every program is admitted before it is started.
#pragma once

#include <cgisrv/loop.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "admission/messages.h"
#include "admission/table.h"

namespace cgisrv::admission {

// For the master to answer where a program's row is. This is not the wait for a permit.
inline constexpr std::chrono::milliseconds opening_timeout{5'000};
// For its answer to who has waited long enough.
inline constexpr std::chrono::milliseconds expiry_timeout{1'000};

class AdmissionClient;
class PendingAdmission;

// The right to run a program; held until the program has been reaped.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept { *this = std::move(other); }
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() { give_back(); }

  void give_back();
  // The process that it is for.
  void runs(pid_t pid) {
    if (admission_client_ != nullptr) program_->pids[permit_].store(pid);
  }
  explicit operator bool() const { return admission_client_ != nullptr; }

 private:
  friend class AdmissionClient;
  Permit(AdmissionClient& admission_client, ProgramRow& program, unsigned permit, unsigned total,
         std::uint64_t client)
      : admission_client_(&admission_client),
        program_(&program),
        permit_(permit),
        total_(total),
        client_(client) {}

  AdmissionClient* admission_client_ = nullptr;
  ProgramRow* program_ = nullptr;
  unsigned permit_ = 0;
  unsigned total_ = 0;
  std::uint64_t client_ = 0;  // 0: not counted
};

// A request to run a program. `client`: an address as a number, net::Address::client(). `file`
// outlives the pending admission.
struct AdmissionRequest {
  std::uint32_t location = 0;
  std::string_view file;
  std::uint64_t client = 0;
  bool warm = false;  // shown in reports
  Limits limits;
  std::chrono::milliseconds timeout{5000};  // for the time in the queue
};

class AdmissionClient {
 public:
  using Tell = std::function<void(const Message& message)>;

  // `tell` reaches the master's scheduler. All arguments outlive the client, and the client
  // outlives its pending admissions.
  AdmissionClient(Loop& loop, Table& table, unsigned worker, Tell tell)
      : loop_(loop), table_(table), worker_(worker), tell_(std::move(tell)), uses_(programs_max) {}

  // Whether who enters now is turned away at once, as far as can be seen from here: a look, which
  // takes nothing. Counts as a refusal. None: it may run or wait.
  std::optional<LimitKind> refuses(const AdmissionRequest& request);
  // How many programs may run now, all together.
  unsigned total_limit() const { return table_.total_limit(); }
  // That of a program, if anything is known of it; null: it has never run, or not for long.
  std::shared_ptr<account::ProgramStats> stats(const AdmissionRequest& request);
  // A message from the scheduler.
  void on_message(const Message& message);

 private:
  friend class PendingAdmission;
  friend class Permit;

  // While the result is kept, the row belongs to that program. `row`: where the scheduler says it
  // is. Null: it is not there, or none can be found.
  std::shared_ptr<ProgramRow> use(const AdmissionRequest& request,
                                  std::optional<unsigned> row = {});
  void leave(unsigned row);
  Permit try_at_once(ProgramRow& program, const Limits& limits);
  void report_crowd(ProgramRow& program, const Limits& limits);
  void give_back(const Permit& permit);

  Loop& loop_;
  Table& table_;
  unsigned worker_;
  Tell tell_;
  std::vector<std::uint32_t> uses_;  // of each row, by this worker
  std::unordered_map<std::uint32_t, PendingAdmission*> waiting_;
  std::uint32_t last_ = 0;
};

// One request on its way in. Its destruction takes it out of the queue.
class PendingAdmission {
 public:
  enum class State : std::uint8_t {
    outside,
    waiting,
    admitted,
    full,     // the program's queue is full
    greedy,   // the client's share of the queue is full
    crowded,  // so many programs run or wait that no row is left for this one
    timed_out,
    unanswered,  // the master does not even say where its row is
  };

  // `decided` is called when the state is no longer waiting, unless enter() decided at once.
  PendingAdmission(AdmissionClient& admission_client, Callback decided)
      : admission_client_(admission_client),
        decided_(decided),
        timer_(admission_client.loop_, Callback::of<&PendingAdmission::timer_due>(*this)) {}
  ~PendingAdmission() { leave(); }

  State enter(const AdmissionRequest& request);
  State state() const { return state_; }
  // Of who is not admitted though its row is known: what held it.
  LimitKind held_by() const { return held_by_; }
  // How many of its program may run now.
  unsigned limit() const;
  // Those of its program; null: its row is not known.
  std::shared_ptr<account::ProgramStats> stats() const;
  // Once, when admitted.
  Permit take() { return std::move(permit_); }

 private:
  friend class AdmissionClient;
  State proceed(std::optional<unsigned> row);
  State wait_for(Message message, std::chrono::milliseconds timeout);
  void opened(unsigned row);
  void refuse(State state, LimitKind held_by = {});
  void leave();
  void decide(State state);
  void timer_due();

  AdmissionClient& admission_client_;
  Callback decided_;
  Timer timer_;
  State state_ = State::outside;
  LimitKind held_by_{};
  bool has_expired_ = false;  // and has asked the master what it waited for
  AdmissionRequest request_;
  Permit permit_;
  std::shared_ptr<ProgramRow> program_;  // null: its row is not known yet
  std::uint32_t number_ = 0;             // for the scheduler; 0: not asked yet
};

}  // namespace cgisrv::admission
