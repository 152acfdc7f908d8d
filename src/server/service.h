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
#include "warm/zygotes.h"

namespace cgisrv::server {

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
  AccessLog& access_log() { return access_log_; }
  cgi::RunContext& run_context() { return run_context_; }
  std::span<char> scratch() { return scratch_; }
  std::string next_request_id();
  // A request has been served: after so many, the worker asks to be replaced.
  void count_request();
  // From now on programs are started warm where that is configured: the workers' end of the
  // channel.
  void use_keeper(int channel);
  void forget(Connection& connection);

 private:
  void programs_gone(std::uint32_t);
  void follow_logs(std::uint32_t);

  pool::Worker& worker_;
  const Config& config_;
  const std::vector<net::Address>& addresses_;
  AccessLog& access_log_;
  Timer follow_logs_;
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
