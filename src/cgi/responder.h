// What answers one exchange in CGI's words: a program that is started for it (run.h), or a server
// of programs (backend/call.h).
//
//   collecting --> waiting --> starting --> running --> over
//       |             |            |           |
//       +-------------+------------+-----------+------> over (failed)
//
// In collecting, the body is taken in (intake.h); in waiting, a permit is asked for. In running,
// body and output stream at the same time: each side is read only while the other has room, and
// awaited with a deadline (deadlines.h). How it is started, where its output comes from, and when
// it is over, is for the derived class to say.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "account/account.h"
#include "base/log.h"
#include "base/result.h"
#include "cgi/deadlines.h"
#include "cgi/environment.h"
#include "cgi/intake.h"
#include "cgi/options.h"
#include "cgi/permit_request.h"
#include "cgi/relay.h"
#include "cgi/run_context.h"
#include "cgi/script.h"
#include "cgi/stderr_log.h"
#include "handler/exchange.h"

namespace cgisrv::cgi {

// What is to answer. `options` outlive the responder; what `endpoints` refers to lives until the
// client has gone. `redirected`: after a local redirect, and for an error page.
struct Answerer {
  Script script;
  const Endpoints& endpoints;
  const Options& options;
  Redirected redirected;
};

class Responder : public handler::Handler {
 public:
  void start() override;
  void body_ready() override;
  void room_ready() override;
  void body_failed() override { body_failed_ = true; }  // the exchange drops us next
  bool client_left() override;

 protected:
  enum class State : std::uint8_t { collecting, waiting, starting, running, over };

  // `counted_as`: all of that name share `max_running`; empty: the script's file. Outlives it.
  Responder(RunContext& context, handler::Exchange& exchange, Answerer answerer,
            std::string_view counted_as);
  // Derived classes abandon() in theirs.
  ~Responder() override;

  // ---- for derived classes to define
  virtual bool needs_length() const { return false; }  // of the body, before anything begins
  // The body is here, as much of it as has to be.
  virtual Result<void> collected() = 0;
  virtual void admitted() = 0;
  // Passes on what there is of the body; notes when there is none (starved_).
  virtual void feed() = 0;
  // Nothing more of the body is needed from the client.
  virtual bool has_body() const = 0;
  // Returns whether there may be more to read now.
  virtual bool read_output() = 0;
  // Nothing more comes: complete() is next.
  virtual bool has_ended() const { return false; }
  virtual void complete() = 0;
  virtual Progress progress() const;
  virtual void phase_due() = 0;
  virtual void overdue(std::string_view what, std::string_view limit, Options::Duration duration,
                       std::string_view why = {}) = 0;
  // Ends what runs for it, and the log of its errors.
  virtual void leave() = 0;
  // It is over, and its response stands.
  virtual void close_well() = 0;
  // Where its end shows a failure, which: "exit status 3".
  virtual std::string bad_end() const { return {}; }
  // What else is known of a failure.
  virtual void add_to(handler::Failure& /*failure*/) const {}
  virtual void close(account::Outcome outcome, std::string_view diagnosis = {});

  // ---- for derived classes to call
  account::Duration lap();  // ends a span of the account, and begins the next
  void fail_to_collect(const Error& error);
  Environment environment() const;
  void begin_running();
  void abandon();             // what it does, if it has not ended
  std::size_t output_room();  // bytes that may be read now
  void pass_on(std::string_view output);
  void pass_on_errors(std::string_view bytes);
  void pump();
  void await();
  void conclude();  // all has been said: ends the exchange with it
  void fail(account::Outcome outcome, int status, std::string reason, std::string printed = {});
  void fail_head();
  void cut(account::Outcome outcome, const std::string& reason);
  void fail_or_cut(account::Outcome outcome, int status, std::string reason,
                   std::string printed = {});
  void note(log::Level level, std::string_view text) const;
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
  PermitRequest permit_request_;
  std::shared_ptr<account::Account> account_;
  Relay relay_;
  StderrLog stderr_log_;
  Deadlines deadlines_;
  Timer resume_timer_;           // more to move than one turn's share: others come first
  bool has_left_ = false;        // the client has its whole response
  bool body_failed_ = false;     // the reason why it is ended
  bool starved_ = false;         // it has taken the whole body so far
  bool has_progressed_ = false;  // it has taken or printed something since await()

 private:
  void collect();
  void enter();
  void decided();
  void refuse(std::string_view why);
  void hand_on();
  void resume();
  void phase_is_due();
  void total_is_due();

  TimePoint lap_began_{};
};

}  // namespace cgisrv::cgi
