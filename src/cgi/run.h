// One run of a CGI program for one exchange: standard input, output and error, and the exit.
//
//   spooling --> waiting --> starting --> running --> over
//       |           |            |           |
//       +-----------+------------+-----------+------> over (failed)
//
// Standard output and exit are joined: the run is over when the program has ended and its output
// too, or when one of them has and the other will not in time. The exchange does not wait for that
// once its response is whole by its length.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "account/account.h"
#include "admission/door.h"
#include "cgi/environment.h"
#include "cgi/observer.h"
#include "cgi/options.h"
#include "cgi/permissions.h"
#include "cgi/relay.h"
#include "cgi/script.h"
#include "cgi/spool.h"
#include "cgi/start.h"
#include "cgi/stderr_log.h"
#include "cgi/unattended.h"
#include "http/exchange.h"
#include "process/oom.h"
#include "process/reaper.h"
#include "process/roster.h"

namespace cgisrv::cgi {

// What a worker lends to all its runs.
struct RunContext {
  Loop& loop;
  process::Reaper& reaper;
  process::Roster& roster;
  std::span<char> scratch;           // for the length of one call
  rlimit descriptors;                // for programs, where their options do not set it
  admission::Door* door = nullptr;   // none: every program is admitted
  Unattended* unattended = nullptr;  // none: no run goes on without its client
  PermissionReview permissions{};
  process::OomKills oom_kills{};
  process::Cgroups* cgroups = nullptr;  // none: programs are not confined
  Observer* observer = nullptr;         // of all runs; none: nobody looks on
  warm::Zygotes* zygotes = nullptr;     // none: every program is started plainly
  bool stopping = false;                // why runs end from now on
};

class Run final : public http::Handler {
 public:
  // `options` outlive the run, and so does what `endpoints` names until the client has gone.
  // `redirect_url`: after a local redirect.
  Run(RunContext& context, http::Exchange& exchange, Script script, const Endpoints& endpoints,
      const Options& options, std::string redirect_url);
  // Ends the program with its group, if it still runs.
  ~Run() override;

  void start() override;
  void body_ready() override;
  void room_ready() override;
  void body_failed() override;
  void client_left(std::unique_ptr<http::Handler>& self) override;

 private:
  enum class State : std::uint8_t { spooling, waiting, starting, running, over };

  // ---- input
  void spool_more();
  void feed_stdin();
  void stdin_writable(std::uint32_t events);
  void ignore_body();
  void close_stdin();
  void expect_program();

  // ---- start
  void enter(Fd input, std::optional<std::uint64_t> content_length);
  void decided(std::uint32_t);
  void launch();
  void started(std::uint32_t);
  bool watch();
  void watch_rest(std::uint32_t);

  // ---- output
  void stdout_readable(std::uint32_t events);
  void pump_output();
  bool read_output();
  void leave_exchange();
  void attend_to_nobody(std::unique_ptr<http::Handler> self);
  void take_output(std::string_view bytes);
  void expect_output();
  void expect_end();
  void resume(std::uint32_t);
  void stderr_readable(std::uint32_t events);
  bool read_errors();
  void close_stderr();
  void take_error(std::string_view bytes);

  // ---- end
  void exited(std::uint32_t events);
  bool reap();
  void complete();
  std::string ending(const process::Exit& exit, std::string_view when) const;
  void phase_due(std::uint32_t);
  void total_due(std::uint32_t);
  void overdue(std::string_view what, std::string_view limit, Options::Duration duration);
  void fail(account::Outcome outcome, int status, std::string reason,
            std::string_view output_head = {});
  void fail_head();
  void cut(account::Outcome outcome, const std::string& reason);
  void let_go();
  void end_child();
  bool over() const { return state_ == State::over; }
  bool in_head() const { return relay_.phase() == Relay::Phase::head; }
  Options::Duration patience() const {
    return in_head() ? options_.header_timeout : options_.idle_timeout;
  }

  RunContext& context_;
  http::Exchange* exchange_;
  const Script script_;
  const Endpoints& endpoints_;
  const Options& options_;
  const std::string redirect_url_;
  const std::string request_id_;

  State state_ = State::spooling;
  Spool spool_;
  Fd input_;  // a body that was spooled
  std::optional<std::uint64_t> content_length_;
  std::optional<admission::Entry> entry_;
  std::shared_ptr<account::Account> account_;
  Relay relay_;
  StderrLog stderr_log_;
  std::unique_ptr<Start> start_;
  process::Child child_;
  std::optional<process::Exit> exit_;
  WatchedFd stdin_;
  WatchedFd stdout_;
  bool all_written_ = false;      // nobody has the other end of stdout_ any more
  bool has_left_ = false;         // its exchange is over
  bool body_failed_ = false;      // so that it is ended
  bool client_is_due_ = false;    // the program has all of the body that has come so far
  std::uint64_t own_output_ = 0;  // once it has ended: what of its output is still to be read
  Fd stderr_;
  Watch stderr_watch_;
  Watch exit_watch_;
  Timer phase_timer_;  // until the head, between writes, or for the other half of the join
  Timer total_timer_;
  Timer watch_timer_;   // from when on errors and exit are watched
  Timer resume_timer_;  // more to move than one turn's share: the others come first
  TimePoint started_{};
  std::uint64_t oom_kills_ = 0;  // when it was started
};

}  // namespace cgisrv::cgi
