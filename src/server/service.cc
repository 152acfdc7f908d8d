#include "server/service.h"

#include <fmt/compile.h>
#include <sys/random.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/log.h"
#include "process/spawn.h"

namespace cgisrv::server {

namespace {
// A fast stop does not wait out the grace of the configuration.
constexpr auto hurried_grace = std::chrono::milliseconds(1000);
constexpr auto follow_interval = std::chrono::seconds(5);

// Spread out, so that workers that share the requests evenly do not all retire at once.
std::uint64_t retirement(std::uint64_t requests, unsigned ordinal) {
  if (requests == 0) return std::numeric_limits<std::uint64_t>::max();
  return requests - requests / 16 * (ordinal % 8);
}

}  // namespace

Service::Service(pool::Worker& worker, const Config& config,
                 const std::vector<net::Address>& addresses, process::Roster& roster,
                 admission::Table& table, AccessLog& access_log, const rlimit& descriptors)
    : worker_(worker),
      config_(config),
      addresses_(addresses),
      access_log_(access_log),
      follow_logs_(worker.loop(), Callback::of<&Service::follow_logs>(*this)),
      door_(worker.loop(), table, worker.index(),
            [&worker](const auto& message) { worker.tell_master(admission::bytes_of(message)); }),
      reaper_(worker.loop(), Callback::of<&Service::programs_gone>(*this)),
      unattended_(worker.loop(), Callback::of<&Service::programs_gone>(*this)),
      run_context_{worker.loop(), reaper_, roster, scratch_, descriptors, &door_, &unattended_},
      retires_at_(retirement(config.server.max_requests_per_worker, worker.ordinal())) {
  if (!process::prepare_to_spawn()) cannot_begin("opening /dev/null");
  CGISRV_CHECK(::getrandom(&id_base_, sizeof id_base_, 0) == sizeof id_base_);
  roster.use_row(worker.index());
  follow_logs_.arm_after(follow_interval);
}

void Service::accepted(pool::Connection connection) {
  if (tally_) tally_->accepted();
  connections_.push_front(std::make_unique<Connection>(*this, std::move(connection)));
  Connection& made = *connections_.front();
  made.set_position(connections_.begin());
  made.start();
}

void Service::forget(Connection& connection) {
  auto position = connection.position();
  loop().dispose(std::move(*position));
  connections_.erase(position);
}

void Service::drain() {
  for (auto next = connections_.begin(); next != connections_.end();)
    (*next++)->drain();  // may take itself out of the list
}

// A client may just be sending its next request, so that nothing is closed before that has been
// answered, with the word that it is the last one.
void Service::replaced() {
  for (const auto& connection : connections_)
    connection->close_after_next();
}

void Service::count_request() {
  if (++requests_ < retires_at_) return;
  worker_.retire();
  retires_at_ += config_.server.max_requests_per_worker;  // should there be no successor now
}

void Service::stop() {
  run_context_.stopping = true;
  for (auto next = connections_.begin(); next != connections_.end();)
    (*next++)->close();
  unattended_.end();
  reaper_.hurry(hurried_grace);
}

void Service::told(std::string_view message) {
  if (const auto said = admission::message_from(message)) door_.told(*said);
}

// A worker without requests would keep the room of a log that was rotated and removed.
void Service::follow_logs(std::uint32_t) {
  access_log_.follow();
  log::follow();
  follow_logs_.arm_after(follow_interval);
}

void Service::programs_gone(std::uint32_t) {
  worker_.check_finished();
}

void Service::use_keeper(int channel) {
  zygotes_.emplace(loop(), channel, worker_.index());
  run_context_.zygotes = &*zygotes_;
}

// The list begins with the newest.
void Service::make_room() {
  if (connections_.empty()) return;
  auto oldest = std::find_if(connections_.rbegin(), connections_.rend(),
                             [](const auto& connection) { return connection->idle(); });
  if (oldest == connections_.rend()) oldest = connections_.rbegin();
  (*oldest)->close();
}

bool Service::wants(const AccessEntry& entry) const {
  return !access_log_.off() || (tally_ && tally_->is_remarkable(entry));
}

void Service::write(const AccessEntry& entry) {
  access_log_.write(entry);
  if (tally_) tally_->note(entry);
}

// Unique over workers and restarts, short enough to read aloud: 64 random bits, counted on.
std::string Service::next_request_id() {
  return fmt::format(FMT_COMPILE("{:016x}"), id_base_ + id_count_++);
}

}  // namespace cgisrv::server
