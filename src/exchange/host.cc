#include "exchange/host.h"

#include <fmt/compile.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "config/config.h"
#include "exchange/exchange.h"
#include "handler/handlers.h"

namespace cgisrv::exchange {

namespace {

// Staggered, so that workers with an even share of the requests do not all retire at once.
std::uint64_t retirement(std::uint64_t requests, unsigned ordinal) {
  if (requests == 0) return std::numeric_limits<std::uint64_t>::max();
  return requests - requests / 16 * (ordinal % 8);
}

}  // namespace

Host::Host(pool::Worker& worker, const config::Config& config, accesslog::AccessLog* access_log)
    : worker_(worker),
      config_(config),
      access_log_(access_log),
      retires_at_(retirement(config.server.max_requests_per_worker, worker.ordinal())) {}

Host::~Host() = default;

void Host::end_detached() {
  detached_.clear();
}

handler::HandlerPtr Host::admit(Exchange&, const Routing&) {
  return nullptr;
}

// Where there are no programs, nobody names a file.
// Whoever overrides it moves from them: NOLINTBEGIN(performance-unnecessary-value-param)
handler::HandlerPtr Host::send_named_file(Exchange& exchange, const Routing& /*routing*/,
                                          http::Response /*head*/, std::string file) {
  return handler::refuse(exchange, 500, file + " is not to be sent here");
}

// NOLINTEND(performance-unnecessary-value-param)

void Host::connection_accepted() {
  if (request_stats_) request_stats_->accepted();
}

std::string Host::next_request_id() {
  return fmt::format(FMT_COMPILE("{:016x}"), request_ids_.next());
}

void Host::describe(const http::Request& request) {
  worker_.describe(doing_.assign(request.method).append(" ").append(request.raw_target));
}

void Host::count_answered() {
  if (++answered_ < retires_at_) return;
  worker_.retire();
  retires_at_ += config_.server.max_requests_per_worker;  // if there is no successor now
}

void Host::count(const config::Location* location, int status, Clock::duration duration) {
  if (request_stats_) request_stats_->count(location, status, duration);
}

void Host::release(std::unique_ptr<Exchange> exchange) {
  if (!exchange->is_detached()) return loop().dispose(std::move(exchange));
  detached_.push_back(std::move(exchange));
}

void Host::drop(const Exchange& exchange) {
  const auto found = std::ranges::find(detached_, &exchange, &std::unique_ptr<Exchange>::get);
  CGISRV_CHECK(found != detached_.end());
  loop().dispose(std::move(*found));
  detached_.erase(found);
  if (idle()) worker_.check_finished();
}

bool Host::wants(const accesslog::AccessEntry& entry) const {
  const bool is_logged = access_log_ != nullptr && !access_log_->off();
  return is_logged || (request_stats_ && request_stats_->is_remarkable(entry));
}

void Host::write(const accesslog::AccessEntry& entry) {
  if (access_log_ != nullptr) access_log_->write(entry);
  if (request_stats_) request_stats_->note(entry);
}

}  // namespace cgisrv::exchange
