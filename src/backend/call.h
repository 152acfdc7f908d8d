// One exchange passed to a FastCGI or SCGI server.
//
//   starting --> connecting --> running
//                   ^              |
//                   +--------------+  once: a connection that was kept is gone
//
// All of a location count as one program: max_running bounds what the server has to do at a time.
// What runs at the other end is not ours: it is left by closing the connection, and what it costs
// is not known.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
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
#include "cgi/responder.h"
#include "handler/exchange.h"

namespace cgisrv::backend {

class Call final : public cgi::Responder {
 public:
  Call(cgi::RunContext& context, IdleConnections& idle, handler::Exchange& exchange, Passed passed);
  // Closes the connection, if it has not ended.
  ~Call() override { abandon(); }

 private:
  // ---- before
  bool needs_length() const override { return target_.protocol == Protocol::scgi; }
  Result<void> collected() override;
  void admitted() override;
  void write_request();
  void connect();
  void connected();
  void begin(Connected connected);

  // ---- to the server
  void feed() override;
  bool fill();
  bool send();
  void stop_sending();
  bool has_body() const override { return body_sent_; }

  // ---- from the server
  void ready(std::uint32_t events);
  bool read_output() override;
  void take(std::string_view bytes);
  void take_errors(std::string_view bytes);
  void gone(int error);
  bool may_retry() const;
  void retry();

  // ---- the end (call_end.cc)
  void ended(const fastcgi::End& end);
  void complete() override;
  std::string bad_end() const override;
  void close_well() override;
  void keep_connection();
  void close(account::Outcome outcome, std::string_view diagnosis = {}) override;
  void phase_due() override;
  void overdue(std::string_view what, std::string_view limit, cgi::Options::Duration duration,
               std::string_view why = {}) override;
  void lost(int error);
  void leave() override { stderr_log_.end(); }
  std::string who() const;

  IdleConnections& idle_;
  const Target& target_;
  const bool names_a_file_;

  admission::Permit permit_;
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
  AnswerReader answer_;
  bool has_answered_ = false;        // anything
  bool says_more_ = false;           // after its end
  std::optional<fastcgi::End> end_;  // of FastCGI
};

}  // namespace cgisrv::backend
