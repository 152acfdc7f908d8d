#include "server/serve.h"

#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "process/privileges.h"
#include "server/serving.h"

namespace cgisrv::server {

namespace {

int complain(const Error& error, int exit_status) {
  std::fprintf(stderr, "cgisrv: %s\n", error.what.c_str());
  return exit_status;
}

void warn_of_root(const Config& config) {
  if (config.server.user.empty() && ::geteuid() == 0)
    log::line(log::Level::warn,
              "programs run as root: a mistake in one of them gives the machine away; start as "
              "another user, or use a configuration that names one");
}

}  // namespace

int serve(Config config, Start start) {
  if (auto clean = process::clean_inheritance(); !clean)
    return complain(clean.error(), status::software);
  Common common{.descriptors = process::descriptor_limit()};
  if (!config.file.empty()) process::forbid_tracing();  // an author may trace what he tries out
  Serving serving(std::move(start), common);
  auto opened = serving.open(std::move(config));
  if (!opened) return complain(opened.error(), exit_status(opened.error()));
  const Config& opened_config = opened->generation->config();
  warn_of_root(opened_config);
  if (opened_config.server.cgroups) {
    auto prepared = process::Cgroups::prepare(opened_config.server.user);
    if (!prepared) return complain(prepared.error(), exit_status(prepared.error()));
    common.cgroups.emplace(std::move(*prepared));
  }
  return serving.run(std::move(*opened));
}

}  // namespace cgisrv::server
