// The names of this machine for its own users. Directory mode answers only for these: somebody else
// may point any other name here, and that name's pages could then read what is served (DNS
// rebinding).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::site {

// In lower case: the machine's own name, alone and with its search domains, and all names that
// /etc/hosts has for it or for a loopback address. Asks no network. Pure.
std::vector<std::string> own_names(std::string_view hostname, std::string_view hosts_file,
                                   std::string_view resolver_file);

// The same for this machine, now.
std::vector<std::string> own_names();

// Whether `host`, from a request, means this machine alone: a name of `own`, localhost, a name
// below localhost, or a loopback address.
bool means_this_machine(const std::vector<std::string>& own, std::string_view host);

// Whether no outsider can have pointed `host` here: as above; any address; any name without a dot,
// since none can be registered; and the names in `allowed`, by the rules of server_name.
bool is_safe_host(const std::vector<std::string>& own, const std::vector<std::string>& allowed,
                  std::string_view host);

}  // namespace cgisrv::site
