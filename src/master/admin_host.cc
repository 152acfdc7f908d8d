#include "master/admin_host.h"

#include "admin/admin_process.h"
#include "base/log.h"

namespace cgisrv::master {

namespace {
constexpr auto beat_interval = std::chrono::seconds(1);
}

AdminHost::AdminHost(pool::Master& master, AdminDescriptors descriptors, AdminSources sources,
                     const process::Privileges& privileges)
    : descriptors_(descriptors),
      sources_(sources),
      beat_(master.loop(), Callback::of<&AdminHost::beat>(*this)),
      process_(
          master, privileges,
          {.name = "the admin process",
           .process_name = "cgisrv-admin",
           .meanwhile = "another one takes its place",
           .keep =
               [this] {
                 descriptors_.pages.keep();
                 if (descriptors_.agent != nullptr) descriptors_.agent->keep();
                 descriptors_.contexts.keep();
               },
           .run = [this](Fd lifeline, Beats& beats) { return run(std::move(lifeline), beats); },
           .timeout = sources_.heartbeat_timeout}) {
  const net::Address& address = descriptors_.pages->address;
  if (!address.loopback())
    log::line(log::Level::warn,
              "the admin listener {} has no password, and whoever reaches it sees all that the "
              "server does; listen on 127.0.0.1, or see that a firewall or a proxy is in front",
              address.text());
  beat();
  process_.start();
}

int AdminHost::run(Fd lifeline, Beats& beats) {
  admin::AdminProcess process(std::move(*descriptors_.pages), descriptors_.contexts->get(),
                              std::move(lifeline), sources_.options, sources_.reporter,
                              sources_.table, sources_.shared_stats);
  if (descriptors_.agent != nullptr)
    process.serve_agent(std::move((*descriptors_.agent)->socket), sources_.has_warm_programs);
  const Heartbeat heartbeat(process.loop(), beats, sources_.heartbeat_timeout);
  return process.run();
}

void AdminHost::beat() {
  sources_.shared_stats.beat();
  beat_.arm_after(beat_interval);
}

}  // namespace cgisrv::master
