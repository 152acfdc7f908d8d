// Looks up the names of a configuration's backends while the server goes on.
#pragma once

#include <cgisrv/loop.h>

#include <functional>
#include <memory>

#include "base/result.h"
#include "config/config.h"
#include "net/lookup.h"

namespace cgisrv::master {

class BackendLookup {
 public:
  // `done` may destroy this; it is not called after that.
  using Done = std::function<void(Result<config::Config>)>;
  BackendLookup(Loop& loop, config::Config config, Done done)
      : loop_(loop),
        config_(std::move(config)),
        done_(std::move(done)),
        late_(loop, Callback::of<&BackendLookup::end>(*this)) {}

  void begin();

 private:
  void readable();
  void end();

  Loop& loop_;
  config::Config config_;
  Done done_;
  std::unique_ptr<net::Lookup> lookup_;
  Watch watch_;  // ends before what it watches
  Timer late_;
};

}  // namespace cgisrv::master
