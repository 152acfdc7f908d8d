#include "master/backend_lookup.h"

#include <utility>

#include "config/backend_names.h"

namespace cgisrv::master {

void BackendLookup::begin() {
  auto begun = config::begin_lookup(config_);
  if (!begun) return std::exchange(done_, {})(std::unexpected(begun.error()));
  lookup_ = std::make_unique<net::Lookup>(std::move(*begun));
  watch_ = Watch(loop_, lookup_->fd(), EPOLLIN, WatchCallback::of<&BackendLookup::readable>(*this));
  late_.arm_after(config::lookup_timeout);
}

void BackendLookup::readable() {
  if (lookup_->read()) end();
}

void BackendLookup::end() {
  watch_.cancel();
  late_.disarm();
  const Done done = std::exchange(done_, {});
  config::Config config = std::move(config_);
  const auto found = config::end_lookup(config, std::move(*lookup_));
  lookup_.reset();
  if (!found) return done(std::unexpected(found.error()));
  done(std::move(config));
}

}  // namespace cgisrv::master
