#include "server/keeper_host.h"

#include <algorithm>

#include "base/log.h"
#include "base/packet.h"

namespace cgisrv::server {

std::optional<warm::Wish> warm_wish(const Config& config, const warm::Subject& subject) {
  for (const Site& site : config.sites)
    for (const Location& location : site.locations) {
      if (location.cgi.location != subject.location || !location.cgi.warm.enabled) continue;
      return warm::Wish{.program = {.file = subject.file,
                                    .interpreter = location.interpreter,
                                    .variables = location.cgi.env,
                                    .root = site.root},
                        .options = location.cgi.warm};
    }
  return std::nullopt;
}

bool wants_keeper(const Config& config) {
  return std::ranges::any_of(config.sites, [](const Site& site) {
    return std::ranges::any_of(site.locations,
                               [](const Location& each) { return each.cgi.warm.enabled; });
  });
}

KeeperHost::KeeperHost(pool::Master& master, const Config& config,
                       const process::Privileges& privileges, const rlimit& descriptors,
                       admission::Table& table, std::uint32_t generation,
                       std::function<void()> in_child)
    : config_(config),
      descriptors_(descriptors),
      table_(table),
      generation_(generation),
      in_child_(std::move(in_child)),
      keeper_(master, privileges,
              {.name = "the keeper of warm programs",
               .meanwhile = "they are started plainly until the next one is ready",
               .leave_master = [this] { leave_master(); },
               .run = [this](Fd lifeline) { return run(std::move(lifeline)); },
               .died = [this] { died(); }}) {
  auto ends = open_pair();
  if (!ends) {
    log::line(log::Level::error, "programs are started plainly: no socket to a keeper: {}",
              errno_text(errno));
    return;
  }
  workers_end_ = std::move(ends->first);
  keepers_end_ = std::move(ends->second);
  keeper_.start();
}

void KeeperHost::close() {
  abandon();
  workers_end_.reset();
  keepers_end_.reset();
}

void KeeperHost::leave_master() {
  in_child_();
  workers_end_.reset();
}

int KeeperHost::run(Fd lifeline) {
  warm::Keeper keeper(
      std::move(keepers_end_), std::move(lifeline),
      [this](const warm::Subject& subject) { return warm_wish(config_, subject); },
      warm::find_library(), descriptors_);
  keeper.when_counted([this](const warm::Subject& subject, unsigned ready) {
    table_.count_zygotes(generation_, table_.find(subject.location, subject.file), ready);
  });
  return keeper.run();
}

void KeeperHost::died() {
  for (unsigned i = 0; i < admission::programs_max; ++i)
    if (table_.used(i)) table_.count_zygotes(generation_, table_.row(i), 0);
}

}  // namespace cgisrv::server
