#include "master/zygote_manager_host.h"

#include "base/log.h"
#include "base/packet.h"
#include "config/config.h"
#include "config/warm_programs.h"

namespace cgisrv::master {

ZygoteManagerHost::ZygoteManagerHost(pool::Master& master, const config::Config& config,
                                     const process::Privileges& privileges,
                                     const rlimit& descriptors, Orphans& orphans,
                                     admission::Table& table, std::uint32_t generation,
                                     std::function<void()> prepare)
    : config_(config),
      descriptors_(descriptors),
      orphans_(orphans),
      table_(table),
      generation_(generation),
      zygote_manager_(
          master, privileges,
          {.name = "the zygote manager",
           .process_name = "cgisrv-zygotes",
           .meanwhile = "warm programs are started cold until the next one is ready",
           .keep = [this] { manager_end_.keep(); },
           .prepare = std::move(prepare),
           .run = [this](Fd lifeline, Beats& beats) { return run(std::move(lifeline), beats); },
           .died = [this] { died(); },
           .timeout = config.server.heartbeat_timeout}) {
  auto ends = open_pair();
  if (!ends) {
    log::line(log::Level::error, "programs are started cold: no socket to a zygote manager: {}",
              errno_text(errno));
    return;
  }
  workers_end_ = std::move(ends->first);
  manager_end_ = std::move(ends->second);
  zygote_manager_.start();
}

ZygoteManagerHost::~ZygoteManagerHost() {
  zygote_manager_.end();
  if (zygotes_) orphans_.adopt(**zygotes_);
}

void ZygoteManagerHost::let_go() {
  Fd process = zygote_manager_.let_go();
  if (zygotes_) orphans_.await_end(std::move(process), std::move(*zygotes_));
  zygotes_.reset();
}

int ZygoteManagerHost::run(Fd lifeline, Beats& beats) {
  warm::ZygoteManager zygote_manager(
      std::move(*manager_end_), std::move(lifeline),
      [this](const warm::ZygoteKey& key) { return config::warm_config_of(config_, key); },
      warm::find_library(), descriptors_);
  zygote_manager.show_life(beats, config_.server.heartbeat_timeout);
  if (zygotes_) zygote_manager.show_zygotes(**zygotes_);
  zygote_manager.when_counted([this](const warm::ZygoteKey& key, unsigned ready) {
    table_.count_zygotes(generation_, table_.key(key.location, key.file), ready);
  });
  return zygote_manager.run();
}

void ZygoteManagerHost::died() {
  table_.forget_zygotes(generation_);
  if (zygotes_) orphans_.adopt(**zygotes_);
}

}  // namespace cgisrv::master
