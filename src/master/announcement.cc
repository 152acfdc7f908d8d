#include "master/announcement.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "master/address_url.h"
#include "master/browser.h"
#include "master/qr_code.h"
#include "net/interfaces.h"

namespace cgisrv::master {

void announce(const std::string& what, const Generation& generation) {
  std::vector<std::string> for_others;
  for (const Listening& each : generation.listening()) {
    std::printf("cgisrv: serving %s at %s\n", what.c_str(),
                listener_text(each.address, *each.options).c_str());
    if (each.options->is_gateway()) continue;
    for (std::string& url :
         urls_for_others(each.address, each.options->tls, net::interface_addresses())) {
      std::printf("cgisrv: for other machines: %s\n", url.c_str());
      for_others.push_back(std::move(url));
    }
  }
  if (!for_others.empty() && ::isatty(STDOUT_FILENO) != 0)
    std::fputs(qr_code(for_others.front()).c_str(), stdout);
  if (const auto* admin = generation.admin())
    std::printf("cgisrv: status page at %s%s\n",
                address_url(admin->address, !generation.config().admin.tls.empty()).c_str(),
                admin->address.is_unix() ? "" : "status");
  if (const auto* agent = generation.agent())
    std::printf("cgisrv: HAProxy's agent-check at %s\n", agent->address.text().c_str());
  std::fflush(stdout);
}

std::string addresses_of(const Generation& generation) {
  std::string all;
  for (const Listening& each : generation.listening())
    all += (all.empty() ? "" : ", ") + listener_text(each.address, *each.options);
  return all;
}

void open_first(const Generation& generation) {
  const auto& listening = generation.listening();
  const auto first = std::ranges::find_if(listening, [](const Listening& each) {
    return !each.address.is_unix() && !each.options->is_gateway();
  });
  if (first != listening.end())
    return open_browser(address_url(first->address, first->options->tls));
  std::fputs("cgisrv: --open: a browser cannot reach a unix socket; listen on a port too\n",
             stderr);
}

}  // namespace cgisrv::master
