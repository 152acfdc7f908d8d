// Opens what a configuration names: listeners, logs, the user's account.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/generation.h"
#include "master/upgrade.h"
#include "net/listener.h"
#include "net/socket_activation.h"
#include "process/sd_notify.h"

namespace cgisrv::master {

// What other processes have left to this one: taken before it opens anything.
struct InheritedResources {
  process::SdNotify sd_notify = process::SdNotify::take();
  net::SocketActivation sockets = net::SocketActivation::take();  // by the service manager
  Inheritance inheritance = Inheritance::take();                  // by an older server
};

// What a running server has open; both null: this is its first start.
struct RunningState {
  const Generation* generation = nullptr;
  const std::vector<Fd>* sockets = nullptr;
};

struct LoadedResources {
  std::unique_ptr<Generation> generation;
  std::vector<Fd> sockets;
};

Result<void> use_error_log(const config::Config& config);
// A newer server finds its socket by this: others may have the same address, "127.0.0.1:0".
std::string admin_name(const std::string& address);
std::string agent_name(const std::string& address);
// Removes the files of its sockets, except those that `next` has too; null: there is no next.
void unlink_sockets(const Generation& generation, const Generation* next);

class ResourceLoader {
 public:
  // Both outlive it.
  ResourceLoader(InheritedResources& inherited, Common& common)
      : inherited_(inherited), common_(common) {}

  // Keeps listeners that are already open. No effect when it fails.
  Result<LoadedResources> open(config::Config config, RunningState current);
  // Removes the files of sockets that the last open() made, if these are not used after all.
  void unlink_made() const;
  // Inherited sockets that nothing has asked for.
  void close_unused();

 private:
  Result<LoadedResources> open_all(config::Config config);
  Result<std::vector<net::Listener>> open_listeners(const std::string& address,
                                                    std::vector<Fd> kept,
                                                    const net::SocketRights& rights);
  // A listener of the admin process, in the configuration and as it is open now.
  struct OfAdmin {
    std::string_view key;
    const std::string& address;  // empty: it is not wanted
    std::string name;            // for a newer server
    const net::Listener* open;   // null: none
    std::string open_address;    // as it is configured now
  };
  Result<AdminListeners> open_admin(const config::Config& config);
  Result<std::optional<net::Listener>> open_one(const OfAdmin& wanted);
  Result<std::vector<Fd>> kept_listeners(const std::string& address);
  Result<std::vector<Fd>> kept_one(const OfAdmin& wanted);

  InheritedResources& inherited_;
  Common& common_;
  RunningState current_;
  std::vector<net::Address> made_;  // by the last open()
  std::set<std::size_t> kept_;      // of the current listeners; the same
};

}  // namespace cgisrv::master
