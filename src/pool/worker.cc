#include "pool/worker.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"

namespace cgisrv::pool {

namespace {
constexpr auto recovery_delay = std::chrono::milliseconds(100);
constexpr unsigned accepts_per_event =
    16;  // dispatch = kernel, and listeners that cannot be counted

bool counts_its_backlog(const Fd& listener) {
  int family = 0;
  socklen_t size = sizeof family;
  ::getsockopt(listener.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family != AF_UNIX;
}
}  // namespace

WorkerProcess::WorkerProcess(const Options& options, Place place, std::vector<Fd>& listeners,
                             Fd channel, WorkerRow& row)
    : options_(options),
      place_(place),
      listeners_(listeners),
      row_(row),
      loop_(options.worker_events),
      // The terminal sends INT, QUIT and HUP to the whole group; they are the master's to act on.
      signals_(loop_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2},
               Callback::of<&WorkerProcess::on_signal>(*this)),
      channel_(loop_, std::move(channel), Callback::of<&WorkerProcess::channel_ready>(*this)),
      heartbeat_(loop_, Callback::of<&WorkerProcess::beat>(*this)),
      recovery_(loop_, Callback::of<&WorkerProcess::recover>(*this)) {
  for (const Fd& listener : listeners_)
    accepts_per_ticket_.push_back(counts_its_backlog(listener) ? 1 : options_.worker_connections);
}

int WorkerProcess::run(const ServiceFactory& factory) {
  if (!channel_) cannot_begin("watching the channel to the master");
  service_ = factory(*this);
  beat(0);
  if (options_.dispatch == Dispatch::kernel) watch_listeners();
  report(Report::ready);
  loop_.run();
  service_.reset();
  return 0;
}

void WorkerProcess::describe(std::string_view what) {
  const auto size = std::min(what.size(), row_.doing.size() - 1);
  std::memcpy(row_.doing.data(), what.data(), size);
  row_.doing[size] = '\0';
}

void WorkerProcess::channel_ready(std::uint32_t) {
  // One at a time: mostly there is no other, and should there be, the loop tells again.
  if (const auto packet = channel_.receive()) on_packet(*packet);
  if (!channel_.ended()) return;
  channel_.reset();
  log::line(log::Level::error, "worker {}: the master is gone; stopping", place_.slot);
  stop();
}

void WorkerProcess::on_packet(std::string_view packet) {
  if (packet.front() == message_mark) return service_->told(packet.substr(1));
  for (const char c : packet) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < listeners_.size()) take_ticket(byte);
    if (byte == static_cast<std::uint8_t>(Command::drain)) drain(&Service::drain);
    if (byte == static_cast<std::uint8_t>(Command::replaced)) drain(&Service::replaced);
    if (byte == static_cast<std::uint8_t>(Command::stop)) stop();
  }
}

void WorkerProcess::take_ticket(unsigned listener) {
  // Counted before accept(2): should a connection come in between, the master at worst gives a
  // ticket too many, which finds nothing. The other way round it could give one too few.
  row_.tickets_taken[listener].fetch_add(1, std::memory_order_acq_rel);
  if (draining_) return;
  for (unsigned i = 0; i < accepts_per_ticket_[listener] && accept_one(listener); ++i) {
  }
}

// Returns whether another try may find another connection.
bool WorkerProcess::accept_one(unsigned listener) {
  if (!has_room()) {
    // Somebody else may have room for what still waits.
    if (!std::exchange(was_full_, true)) report(Report::room);
    return false;
  }
  if (!memory::sufficient()) {
    accept_failed(ENOMEM);
    return false;
  }
  Connection connection;
  connection.listener = listener;
  connection.peer_size = sizeof connection.peer;
  const int socket =
      ::accept4(listeners_[listener].get(), reinterpret_cast<sockaddr*>(&connection.peer),
                &connection.peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) {
    if (errno == ECONNABORTED || errno == EINTR) return true;  // that one is gone; the next may not
    if (errno != EAGAIN) accept_failed(errno);
    return false;
  }
  connection.socket.reset(socket);
  starvation_told_ = false;
  row_.accepted.fetch_add(1, std::memory_order_relaxed);
  connection.seat = Seat(*this);
  service_->accepted(std::move(connection));
  return true;
}

// Out of descriptors or memory: say so once, and let the connection wait in the backlog, for
// another worker or for better times.
void WorkerProcess::accept_failed(int code) {
  row_.starved = true;
  if (!std::exchange(starvation_told_, true))
    log::line(log::Level::warn, "worker {}: cannot accept a connection: {}; it waits", place_.slot,
              errno_text(code));
  was_full_ = true;
  recovery_.arm_after(recovery_delay);
}

void WorkerProcess::recover(std::uint32_t) {
  row_.starved = false;
  if (!std::exchange(was_full_, false)) return;
  report(Report::room);
  if (options_.dispatch == Dispatch::kernel && !draining_) watch_listeners();
}

void WorkerProcess::watch_listeners() {
  listener_watches_.clear();
  for (const Fd& listener : listeners_)
    if (!listener_watches_.emplace_back(loop_, listener.get(), EPOLLIN | EPOLLEXCLUSIVE,
                                        Callback::of<&WorkerProcess::listener_ready>(*this))) {
      accept_failed(errno);
      return listener_watches_.clear();
    }
}

void WorkerProcess::listener_ready(std::uint32_t) {
  for (unsigned listener = 0; listener < listeners_.size(); ++listener)
    for (unsigned i = 0; i < accepts_per_event && accept_one(listener); ++i) {
    }
  // A listener that stays readable would wake us for nothing until there is room.
  if (was_full_) listener_watches_.clear();
}

bool WorkerProcess::has_room() const {
  return !row_.starved && row_.connections < options_.worker_connections;
}

void WorkerProcess::seat_taken() {
  row_.connections.fetch_add(1, std::memory_order_relaxed);
}

void WorkerProcess::seat_released() {
  // The master gives no ticket to who is full, who thus does not notice that it is.
  if (row_.connections.fetch_sub(1, std::memory_order_relaxed) >= options_.worker_connections)
    was_full_ = true;
  if (was_full_) recovery_.arm_after(std::chrono::milliseconds(0));
  if (draining_) check_finished();
}

void WorkerProcess::on_signal(std::uint32_t number) {
  if (number == SIGTERM) stop();
}

void WorkerProcess::beat(std::uint32_t) {
  row_.heartbeats.fetch_add(1, std::memory_order_relaxed);
  heartbeat_.arm_after(options_.heartbeat_timeout / 4);
}

void WorkerProcess::report(Report report) {
  channel_.post(make_packet(report));
}

void WorkerProcess::tell_master(std::string_view message) {
  channel_.post(make_message(message));
}

void WorkerProcess::drain(void (Service::*how)()) {
  if (draining_) return;
  draining_ = true;
  stop_listening();
  (service_.get()->*how)();
  check_finished();
}

void WorkerProcess::stop() {
  draining_ = true;
  stop_listening();
  service_->stop();
  check_finished();
}

// The last process to close a listener ends it: from then on clients are refused at once.
void WorkerProcess::stop_listening() {
  listener_watches_.clear();
  for (Fd& listener : listeners_)
    listener.reset();
}

void WorkerProcess::check_finished() {
  if (draining_ && row_.connections == 0 && service_->finished()) loop_.stop();
}

Seat::Seat(Worker& worker) : worker_(&worker) {
  worker.seat_taken();
}

Seat& Seat::operator=(Seat&& other) noexcept {
  if (this != &other) {
    release();
    worker_ = std::exchange(other.worker_, nullptr);
  }
  return *this;
}

void Seat::release() {
  if (Worker* const worker = std::exchange(worker_, nullptr)) worker->seat_released();
}

}  // namespace cgisrv::pool
