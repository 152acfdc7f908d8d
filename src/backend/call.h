// One exchange passed to a FastCGI or SCGI server.
//
//   collecting --> waiting --> connecting --> running --> over
//       |             |            |    ^        |
//       |             |            |    +--------+  once: a connection that was kept is gone
//       +-------------+------------+-------------+----> over (failed)
//
// All of a location count as one program: max_running bounds what the server has to do at a time.
// As a run of a program (cgi/run.h): the body is taken in before a permit is asked for; then body
// and answer stream at the same time, and each side is read only while the other has room. What
// runs at the other end is not ours: it is left by closing the connection, and what it costs is not
// known.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "account/account.h"
#include "backend/answer_reader.h"
#include "backend/connector.h"
#include "backend/idle_connections.h"
#include "backend/pass.h"
#include "backend/target.h"
#include "base/buffer.h"
#include "cgi/deadlines.h"
#include "cgi/environment.h"
#include "cgi/intake.h"
#include "cgi/options.h"
#include "cgi/permit_request.h"
#include "cgi/relay.h"
#include "cgi/run.h"
#include "cgi/script.h"
#include "cgi/stderr_log.h"
#include "handler/exchange.h"

namespace cgisrv::backend {

class Call final : public handler::Handler {
 public:
  Call(cgi::RunContext& context, IdleConnections& idle, handler::Exchange& exchange, Passed passed);
  // Closes the connection, if it has not ended.
  ~Call() override;

  void start() override;
  void body_ready() override;
  void room_ready() override;
  void body_failed() override;
  bool client_left() override;

 private:
  enum class State : std::uint8_t { collecting, waiting, connecting, running, over };

  // ---- before
  account::Duration lap();
  void collect();
  void fail_to_collect(const Error& error);
  void enter();
  void decided();
  void refuse(std::string_view why);
  void admitted();
  void write_request();
  void connect();
  void connected();
  void begin(Connected connected);

  // ---- to the server
  void feed();
  bool fill();
  bool send();
  void stop_sending();

  // ---- from the server
  void ready(std::uint32_t events);
  void pump();
  bool read_answer();
  void take(std::string_view bytes);
  void take_errors(std::string_view bytes);
  void gone(int error);
  bool may_retry() const;
  void retry();
  void resume();
  void await();

  // ---- the end (call_end.cc)
  void ended(const fastcgi::End& end);
  void complete();
  void hand_on();
  void close_well();
  void keep_connection();
  void close(account::Outcome outcome, std::string_view diagnosis = {});
  void phase_due();
  void total_due();
  void overdue(std::string_view what, std::string_view limit, cgi::Options::Duration duration,
               std::string_view why = {});
  void lost(int error);
  void fail(account::Outcome outcome, int status, std::string reason, std::string printed = {});
  void fail_head();
  void cut(account::Outcome outcome, const std::string& reason);
  std::string who() const;
  bool over() const { return state_ == State::over; }
  bool in_head() const { return relay_.phase() == cgi::Relay::Phase::head; }
  bool is_broken() const { return relay_.phase() == cgi::Relay::Phase::broken; }

  cgi::RunContext& context_;
  IdleConnections& idle_;
  handler::Exchange& exchange_;
  const Target& target_;
  const cgi::Script script_;
  const bool names_a_file_;
  const cgi::Endpoints& endpoints_;
  const cgi::Options& options_;
  const cgi::Redirected redirected_;
  const std::string request_id_;

  State state_ = State::collecting;
  cgi::Intake intake_;
  cgi::PermitRequest permit_request_;
  admission::Permit permit_;
  std::shared_ptr<account::Account> account_;
  TimePoint lap_began_{};
  cgi::Relay relay_;
  cgi::StderrLog stderr_log_;
  Connector connector_;
  WatchedFd socket_;
  TimePoint connected_since_{};
  bool is_reused_ = false;       // the connection has carried another request
  bool has_made_room_ = false;   // for a descriptor
  bool is_resent_ = false;       // over another connection, once
  Buffer unsent_;                // of the request
  std::string sent_once_;        // the request without its body, while it may be sent again
  std::uint64_t sent_ = 0;       // bytes of it
  bool body_sent_ = false;       // it is whole, or nobody wants the rest
  bool waits_for_room_ = false;  // the socket is watched for that, too
  bool is_refused_ = false;      // the server takes no more
  bool starved_ = false;         // it has all of the body so far
  AnswerReader answer_;
  bool has_answered_ = false;        // anything
  bool says_more_ = false;           // after its end
  std::optional<fastcgi::End> end_;  // of FastCGI
  bool has_left_ = false;            // the client has its whole response
  bool body_failed_ = false;         // the reason why it is ended
  bool has_progressed_ = false;      // something was taken or answered since await()
  cgi::Deadlines deadlines_;
  Timer resume_timer_;  // more to move than one turn's share: others come first
};

}  // namespace cgisrv::backend
