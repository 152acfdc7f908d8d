// From a configuration to what it names: listeners, logs, the user's account.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/handed_over.h"
#include "net/listener.h"
#include "process/service_manager.h"
#include "server/generation.h"
#include "server/upgrade.h"

namespace cgisrv::server {

// What others have left to this process: taken before it opens anything.
struct Left {
  process::ServiceManager manager = process::ServiceManager::take();
  net::HandedOver sockets = net::HandedOver::take();  // by the manager
  Inheritance inheritance = Inheritance::take();      // by an older server
};

// What a running server has open; both null: it is the first.
struct Current {
  const Generation* generation = nullptr;
  const std::vector<Fd>* sockets = nullptr;
};

struct Opened {
  std::unique_ptr<Generation> generation;
  std::vector<Fd> sockets;
};

Result<void> use_error_log(const Config& config);
// By which a newer server finds its socket: others may have the same address, "127.0.0.1:0".
std::string admin_name(const std::string& address);
// The files of its sockets, but for those that `next` has too; null: there is no next.
void unlink_sockets(const Generation& generation, const Generation* next);

class Opening {
 public:
  // Both outlive it.
  Opening(Left& left, Common& common) : left_(left), common_(common) {}

  // Listeners that are there already are kept. Nothing has changed when it fails.
  Result<Opened> open(Config config, Current current);
  // The files of the sockets that the last open() made, for one that comes to nothing after all.
  void unlink_made() const;
  // Handed-over sockets that nothing has asked for.
  void close_unused();

 private:
  Result<Opened> open_all(Config config);
  Result<std::vector<net::Listener>> open_listeners(const std::string& address,
                                                    std::vector<Fd> kept);
  Result<std::optional<net::Listener>> open_admin(const std::string& address);
  std::vector<Fd> kept_listeners(const std::string& address);
  std::vector<Fd> kept_admin(const std::string& address);

  Left& left_;
  Common& common_;
  Current current_;
  std::vector<net::Address> made_;  // by the last open()
  std::set<std::size_t> kept_;      // of the current listeners, likewise
};

}  // namespace cgisrv::server
