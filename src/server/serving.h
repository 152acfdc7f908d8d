// The server in the master process: its generations, one after the other, and what outlives them.
#pragma once

#include <cgisrv/pool.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admission/arbiter.h"
#include "admission/pressure.h"
#include "server/generation.h"
#include "server/opening.h"
#include "server/operator.h"
#include "server/serve.h"
#include "server/service_state.h"

namespace cgisrv::server {

// What a command or a server that fails so ends with, as in sysexits.h.
int exit_status(const Error& error);

class Serving final : public Operated {
 public:
  Serving(Start start, Common& common);
  ~Serving();

  Result<Opened> open(Config config) { return opening_.open(std::move(config), {}); }
  // Serves by it until told to end; returns the exit status.
  int run(Opened first);

  // ---- Operated
  const Config& config() const override { return current_->config(); }
  const Reporter& reporter() const override { return current_->reporter(); }
  void reload(control::Reply reply) override;
  void upgrade(control::Reply reply) override;
  control::Answer reopen() override;

 private:
  struct Admitting;

  pool::Hooks hooks();
  pool::Generation for_pool(Generation& generation, std::vector<Fd> sockets);
  void begin(pool::Master& master);
  void begin(Generation& generation);
  void became_ready();
  void announce() const;
  void worker_ended(unsigned worker);
  void end();
  void clean_up() const;
  void leave_master(const Generation& self);

  Result<void> begin_reload(Config config, std::string notes, const control::Reply& reply);
  void reloaded(const std::string& problem, const std::string& notes, const control::Reply& reply);
  bool is_busy() const;
  void hang_up(std::uint32_t);
  void keep_error_log() const;
  void generation_ended(const Generation& generation);
  void upgraded(const std::string& problem, const control::Reply& reply);

  const Start start_;
  Common& common_;
  Left left_;
  Opening opening_{left_, common_};
  pool::Master* master_ = nullptr;
  std::list<std::unique_ptr<Generation>> generations_;
  Generation* current_ = nullptr;
  Generation* next_ = nullptr;    // that a reload is about to put in its place
  std::vector<Fd> next_sockets_;  // its listeners, until they are the pool's
  std::unique_ptr<Admitting> admitting_;
  std::unique_ptr<Operator> operator_;
  std::unique_ptr<Upgrade> upgrade_;
  std::unique_ptr<ServiceState> state_;
  std::unique_ptr<Timer> hang_up_again_;
  bool is_ready_ = false;
  bool is_ending_ = false;
  bool handed_over_ = false;
};

}  // namespace cgisrv::server
