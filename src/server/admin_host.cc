#include "server/admin_host.h"

#include <fcntl.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "server/admin_process.h"

namespace cgisrv::server {

namespace {
constexpr auto beat_interval = std::chrono::seconds(1);
}

AdminHost::AdminHost(pool::Master& master, const net::Listener& listener, AdminSources sources,
                     const process::Privileges& privileges, std::function<void()> in_child)
    : listener_(listener),
      sources_(sources),
      in_child_(std::move(in_child)),
      beat_(master.loop(), Callback::of<&AdminHost::beat>(*this)),
      process_(master, privileges,
               {.name = "the admin process",
                .meanwhile = "another one takes its place",
                .leave_master = [this] { leave_master(); },
                .run = [this](Fd lifeline) { return run(std::move(lifeline)); }}) {
  if (!listener_.address.loopback())
    log::line(log::Level::warn,
              "the admin listener {} has no password, and whoever reaches it sees all that the "
              "server does; listen on 127.0.0.1, or see that a firewall or a proxy is in front",
              listener_.address.text());
  beat(0);
  process_.start();
}

void AdminHost::leave_master() {
  ::prctl(PR_SET_NAME, "cgisrv-admin");
  socket_.reset(::fcntl(listener_.socket.get(), F_DUPFD_CLOEXEC, 3));
  in_child_();
}

int AdminHost::run(Fd lifeline) {
  AdminProcess process({.socket = std::move(socket_), .address = listener_.address},
                       std::move(lifeline), sources_.options, sources_.reporter, sources_.table,
                       sources_.board);
  return process.run();
}

void AdminHost::beat(std::uint32_t) {
  sources_.board.beat();
  beat_.arm_after(beat_interval);
}

}  // namespace cgisrv::server
