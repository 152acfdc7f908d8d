#include "master/serve.h"

#include <unistd.h>

#include "base/exit_status.h"
#include "base/log.h"
#include "config/start_check.h"
#include "master/master_process.h"
#include "process/privileges.h"

namespace cgisrv::master {

namespace {

using exit_status::complain;

void warn_of_root(const config::Config& config) {
  if (config.server.user_is_default)
    log::line(
        log::Level::notice,
        "started as root: workers and programs run as {}; to run them as another, write user = "
        "\"NAME\" under [server]",
        config.server.user);
  if (config.server.user.empty() && ::geteuid() == 0)
    log::line(log::Level::warn,
              "programs run as root: a mistake in one of them gives the machine away; start as "
              "another user, or use a configuration that names one");
}

}  // namespace

int serve(config::Config config, ServeOptions start) {
  if (auto clean = process::clean_inheritance(); !clean)
    return complain(clean.error(), exit_status::software);
  Common common{.descriptors = process::descriptor_limit()};
  if (!config.file.empty()) process::forbid_tracing();  // an author may trace his own programs
  MasterProcess master(std::move(start), common);
  auto loaded = master.open(std::move(config));
  if (!loaded) return complain(loaded.error(), exit_status_of(loaded.error()));
  const config::Config& loaded_config = loaded->generation->config();
  warn_of_root(loaded_config);
  for (const std::string& closed : config::closed_roots(loaded_config))
    log::line(log::Level::warn, "{}", closed);
  if (loaded_config.server.cgroups) {
    auto prepared = process::Cgroups::prepare(loaded_config.server.user);
    if (!prepared) return complain(prepared.error(), exit_status_of(prepared.error()));
    common.cgroups.emplace(std::move(*prepared));
  }
  return master.run(std::move(*loaded));
}

}  // namespace cgisrv::master
