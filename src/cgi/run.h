// One run of a CGI program for one exchange: standard input, output and error, and the exit.
//
//   collecting --> waiting --> starting --> running --> over
//       |             |            |           |
//       +-------------+------------+-----------+------> over (failed)
//
// In collecting, the body is taken in (intake.h); in waiting, a permit is asked for. Standard
// output and exit are joined: the run is over when the program has exited and its output has ended,
// or when one of these has happened and the other does not follow in time. The client does not wait
// for that once the response's length shows that it is whole.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "account/account.h"
#include "admission/admission_client.h"
#include "cgi/deadlines.h"
#include "cgi/environment.h"
#include "cgi/field_review.h"
#include "cgi/intake.h"
#include "cgi/observer.h"
#include "cgi/options.h"
#include "cgi/permissions.h"
#include "cgi/permit_request.h"
#include "cgi/relay.h"
#include "cgi/script.h"
#include "cgi/spool.h"
#include "cgi/start.h"
#include "cgi/stderr_log.h"
#include "event/turn_queue.h"
#include "handler/exchange.h"
#include "process/oom.h"
#include "process/pid_table.h"
#include "process/reaper.h"

namespace cgisrv::cgi {

// What a worker lends to all its runs.
struct RunContext {
  Loop& loop;
  process::Reaper& reaper;
  process::PidTable& pid_table;
  std::span<char> scratch;                                 // only used during a call
  rlimit descriptors;                                      // for programs whose options set none
  admission::AdmissionClient* admission_client = nullptr;  // null: every program is admitted
  PermissionReview permissions{};
  FieldReview fields{};
  process::OomKills oom_kills{};
  process::Cgroups* cgroups = nullptr;  // null: programs are not confined
  Observer* observer = nullptr;         // of all runs; null: none
  warm::Zygotes* zygotes = nullptr;     // null: every program is started cold
  Callback short_of_descriptors{};      // asks for some to be closed; none: nobody can
  bool stopping = false;                // set: why runs end from now on
  SpoolMemory spool_memory{64 << 20};   // of all runs
  // Starting a program takes longer than anything else that a worker does in one step: many
  // requests at once must not keep the others waiting.
  TurnQueue starts{loop, std::chrono::microseconds(300)};
};

class Run final : public handler::Handler {
 public:
  // `options` outlive the run; what `endpoints` refers to lives until the client has gone.
  // `redirected`: after a local redirect, and for an error page.
  Run(RunContext& context, handler::Exchange& exchange, Script script, const Endpoints& endpoints,
      const Options& options, Redirected redirected);
  // Ends the program with its group, if it still runs.
  ~Run() override;

  void start() override;
  void body_ready() override;
  void room_ready() override;
  void body_failed() override;
  bool client_left() override;

 private:
  enum class State : std::uint8_t { collecting, waiting, starting, running, over };

  // ---- input
  void collect();
  void fail_to_spool(const Error& error);
  void feed_stdin();
  std::string_view next_input();
  void stdin_writable(std::uint32_t events);
  void ignore_body();
  void close_stdin();
  std::size_t unread_input() const;

  // ---- start
  account::Duration lap();
  void enter();
  void decided();
  void refuse(std::string_view why);
  void admitted();
  void launch();
  bool open_pipes(bool streams);
  void started();
  bool watch();
  void watch_rest();

  // ---- output
  void stdout_readable(std::uint32_t events);
  void pump_output();
  bool read_output();
  void take_output(std::string_view bytes);
  void await();
  void resume();
  void stderr_readable(std::uint32_t events);
  bool read_errors();
  void close_stderr();

  // ---- end
  void exited();
  bool reap();
  void complete();
  void close(account::Outcome outcome, std::string_view diagnosis = {});
  void hand_on();
  const process::Exit* bad_exit() const;  // its exit, if that was a failure
  void close_well();
  std::string ending(const process::Exit& exit, std::string_view when) const;
  void phase_due();
  void total_due();
  void overdue(std::string_view what, std::string_view limit, Options::Duration duration,
               std::string_view why = {});
  std::string_view silence() const;
  void fail(account::Outcome outcome, int status, std::string reason, std::string printed = {});
  void fail_head();
  void cut(account::Outcome outcome, const std::string& reason);
  void let_go();
  void end_child();
  bool over() const { return state_ == State::over; }
  bool in_head() const { return relay_.phase() == Relay::Phase::head; }
  bool is_broken() const { return relay_.phase() == Relay::Phase::broken; }

  RunContext& context_;
  handler::Exchange& exchange_;
  const Script script_;
  const Endpoints& endpoints_;
  const Options& options_;
  const Redirected redirected_;
  const std::string request_id_;

  State state_ = State::collecting;
  Intake intake_;
  Fd input_;  // a body that was collected whole, instead of a pipe
  PermitRequest permit_request_;
  std::shared_ptr<account::Account> account_;
  TimePoint lap_began_{};
  Relay relay_;
  StderrLog stderr_log_;
  TurnQueue::Work launch_;
  std::unique_ptr<ProgramStart> start_;
  process::Child child_;
  std::optional<process::Exit> exit_;
  WatchedFd stdin_;
  WatchedFd stdout_;
  bool all_written_ = false;      // nobody has the other end of stdout_ any more
  bool has_left_ = false;         // the client has its whole response
  bool body_failed_ = false;      // the reason why it is ended
  bool starved_ = false;          // it has taken the whole body so far
  std::size_t in_pipe_ = 0;       // bytes of the body, after the last write
  bool has_progressed_ = false;   // it has taken or printed something since await()
  std::uint64_t own_output_ = 0;  // after its exit: output that is still to be read
  Fd stderr_;
  Watch stderr_watch_;
  Watch exit_watch_;
  Deadlines deadlines_;
  Timer watch_timer_;            // starts the watching of errors and exit
  Timer resume_timer_;           // more to move than one turn's share: others come first
  std::uint64_t oom_kills_ = 0;  // when it was started
};

}  // namespace cgisrv::cgi
