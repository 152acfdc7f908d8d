// What a process lends to all its exchanges, and how it finds what answers them.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accesslog/access_log.h"
#include "auth/options.h"
#include "base/random.h"
#include "config/forward.h"
#include "config/limits.h"
#include "exchange/request_stats.h"
#include "handler/exchange.h"
#include "site/locate.h"
#include "telemetry/http2_counts.h"

namespace cgisrv::exchange {

class Exchange;
struct Beside;

// Where a request leads, before anything is done for it.
struct Routing {
  handler::HandlerPtr refusal;                       // if set, this answers, and no site is asked
  const config::Site* site = nullptr;                // null: no site is involved
  site::Located located;                             // of a site: what was found
  http::Path path;                                   // of a site: decoded
  std::vector<const auth::Options*> password_rules;  // of a site: those that ask this client
  // Of a site: passwords are the server's to check here, though it may ask this client for none.
  bool has_password_rules = false;
  // Of a file: what stands beside it and may be sent in its place, or that nothing does; null:
  // nobody has looked.
  std::shared_ptr<Beside> beside;
  // A larger body is refused before anything is done.
  std::uint64_t body_bytes_max = config::bytes_unlimited;
};

class Host {
 public:
  // All arguments outlive the host, and the host outlives all exchanges. `access_log`: null for
  // none.
  Host(pool::Worker& worker, const config::Config& config, accesslog::AccessLog* access_log);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host();

  // Finds what answers the exchange's request, by its present host and target. Called again after
  // each local redirect.
  virtual Routing route(Exchange& exchange) = 0;
  // Asks whoever may have to be asked who the client is. Null: go on with answer(); else this
  // handler answers, unless it calls Exchange::let_in().
  virtual handler::HandlerPtr admit(Exchange& exchange, const Routing& routing);
  // Never null. `routing` is the result of route(), and may be moved from.
  virtual handler::HandlerPtr answer(Exchange& exchange, Routing& routing) = 0;
  // Never null: sends a file that the program which answered has named, under its head.
  virtual handler::HandlerPtr send_named_file(Exchange& exchange, const Routing& routing,
                                              http::Response head, std::string file);

  // From now on exchanges are counted and noted in `shared_stats`.
  void use_shared_stats(telemetry::SharedStats& shared_stats) {
    request_stats_.emplace(shared_stats, config_);
    http2_counts_ = &shared_stats.http2();
  }
  // Null: nothing is counted.
  telemetry::Http2Counts* http2_counts() const { return http2_counts_; }

  const config::Config& config() const { return config_; }
  Loop& loop() const { return worker_.loop(); }
  // Clients should move elsewhere: each response is the last of its connection.
  bool leaving() const { return request_stats_ && request_stats_->leaving(); }
  void connection_accepted();
  // Whether no exchange is detached. When that becomes so, the worker checks whether it has
  // finished.
  bool idle() const { return detached_.empty(); }
  // Ends what goes on without a client. None may be on the call stack.
  void end_detached();

  // ---- for exchanges
  // Unique over workers and restarts, unpredictable, and short enough to read aloud.
  std::string next_request_id();
  // For the worker's obituary, should this request kill it.
  void describe(const http::Request& request);
  // A request has been answered. After a set number, the worker asks to be replaced.
  void count_answered();
  // From the wire that has had its end: frees it, or keeps it for as long as it is detached.
  void release(std::unique_ptr<Exchange> exchange);
  // A detached exchange has ended. Its handler may be on the stack.
  void drop(const Exchange& exchange);
  // As in RequestStats.
  void count(const config::Location* location, int status, Clock::duration duration);
  // Whether a log or the incidents want the entry; and the call that delivers it.
  bool wants(const accesslog::AccessEntry& entry) const;
  void write(const accesslog::AccessEntry& entry);

 private:
  pool::Worker& worker_;
  const config::Config& config_;
  accesslog::AccessLog* access_log_;
  std::optional<RequestStats> request_stats_;  // none: nothing is counted
  telemetry::Http2Counts* http2_counts_ = nullptr;
  RandomNumbers request_ids_;
  std::string doing_;  // of describe(): its memory is reused
  std::uint64_t answered_ = 0;
  std::uint64_t retires_at_;
  std::list<std::unique_ptr<Exchange>> detached_;
};

}  // namespace cgisrv::exchange
