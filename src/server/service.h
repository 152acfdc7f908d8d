// A worker's HTTP service: its connections and what they share.
#pragma once

#include <cgisrv/pool.h>

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admission/door.h"
#include "cgi/run.h"
#include "net/address.h"
#include "process/reaper.h"
#include "process/roster.h"
#include "server/access_log.h"
#include "server/config.h"
#include "server/connection.h"
#include "server/tally.h"
#include "warm/zygotes.h"

namespace cgisrv::server {

// What answers in place of sites.
class Pages {
 public:
  virtual ~Pages() = default;
  virtual std::unique_ptr<http::Handler> answer(Connection& connection) = 0;
};

class Service final : public pool::Service {
 public:
  // `addresses` are those of the listeners, in their order. All references outlive the service.
  Service(pool::Worker& worker, const Config& config, const std::vector<net::Address>& addresses,
          process::Roster& roster, admission::Table& table, AccessLog& access_log,
          const rlimit& descriptors);

  void accepted(pool::Connection connection) override;
  void drain() override;
  void replaced() override;
  void stop() override;
  void told(std::string_view message) override;
  bool finished() const override { return reaper_.idle() && unattended_.idle(); }

  pool::Worker& worker() { return worker_; }
  Loop& loop() { return worker_.loop(); }
  const Config& config() const { return config_; }
  const net::Address& address(unsigned listener) const { return addresses_[listener]; }
  Tally* tally() { return tally_ ? &*tally_ : nullptr; }  // null: nobody counts
  Pages* pages() { return pages_; }                       // null: the configuration's sites
  cgi::RunContext& run_context() { return run_context_; }
  std::span<char> scratch() { return scratch_; }
  std::string next_request_id();
  // A request has been served: after so many, the worker asks to be replaced.
  void count_request();
  // From now on programs are started warm where that is configured: the workers' end of the
  // channel.
  void use_keeper(int channel);
  // From now on exchanges are counted and noted there.
  void use_board(telemetry::Board& board) { tally_.emplace(board, config_); }
  // From now on they answer, and no site does.
  void use_pages(Pages& pages) { pages_ = &pages; }
  // Lets go of the connection that has been idle for longest, or of the oldest.
  void make_room();
  // What is said of an exchange that has ended: whether anybody wants to know, and saying it.
  bool wants(const AccessEntry& entry) const;
  void write(const AccessEntry& entry);
  void forget(Connection& connection);

 private:
  void programs_gone(std::uint32_t);
  void follow_logs(std::uint32_t);

  pool::Worker& worker_;
  const Config& config_;
  const std::vector<net::Address>& addresses_;
  AccessLog& access_log_;
  Timer follow_logs_;
  std::optional<Tally> tally_;
  Pages* pages_ = nullptr;
  admission::Door door_;  // before those who hold places
  std::list<std::unique_ptr<Connection>> connections_;
  process::Reaper reaper_;
  cgi::Unattended unattended_;
  std::array<char, 64 * 1024> scratch_;
  std::optional<warm::Zygotes> zygotes_;
  cgi::RunContext run_context_;
  std::uint64_t id_base_;
  std::uint64_t id_count_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t retires_at_;
};

}  // namespace cgisrv::server
