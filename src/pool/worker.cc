#include "pool/worker.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

namespace cgisrv::pool {

namespace {
constexpr auto recovery_delay = std::chrono::milliseconds(100);
constexpr auto crowd_interval = std::chrono::seconds(1);
constexpr unsigned accepts_per_event =
    16;  // dispatch = kernel, and listeners with an unknown backlog

constexpr unsigned late_beats_per_timeout = 8;

bool is_shortage_of_descriptors(int code) {
  return code == EMFILE || code == ENFILE;
}

std::chrono::nanoseconds processor_time() {
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

bool counts_its_backlog(const Fd& listener) {
  int family = 0;
  socklen_t size = sizeof family;
  ::getsockopt(listener.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family != AF_UNIX;
}

bool has_waiting(const Fd& listener) {
  pollfd readable{.fd = listener.get(), .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, 0) == 1;
}
}  // namespace

WorkerProcess::WorkerProcess(const Options& options, Assignment assignment,
                             std::vector<Fd>& listeners, Fd channel, WorkerRow& row)
    : options_(options),
      assignment_(assignment),
      listeners_(listeners),
      row_(row),
      loop_(options.worker_events),
      // The terminal sends INT, QUIT and HUP to the whole group; the master acts on them.
      signals_(loop_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2},
               SignalCallback::of<&WorkerProcess::on_signal>(*this)),
      channel_(loop_, std::move(channel), WatchCallback::of<&WorkerProcess::channel_ready>(*this),
               Callback::of<&WorkerProcess::channel_ready>(*this)),
      heartbeat_(loop_, Callback::of<&WorkerProcess::beat>(*this)),
      recovery_(loop_, Callback::of<&WorkerProcess::recover>(*this)),
      crowd_(loop_, Callback::of<&WorkerProcess::relieve>(*this)) {
  for (const Fd& listener : listeners_)
    accepts_per_ticket_.push_back(counts_its_backlog(listener) ? 1 : options_.worker_connections);
}

int WorkerProcess::run(const ServiceFactory& factory) {
  if (!channel_) cannot_begin("watching the channel to the master");
  service_ = factory(*this);
  beat();
  if (options_.dispatch == Dispatch::kernel) watch_listeners();
  report(WorkerReport::ready);
  loop_.run();
  service_.reset();
  return 0;
}

void WorkerProcess::describe(std::string_view what) {
  const auto size = std::min(what.size(), row_.doing.size() - 1);
  std::memcpy(row_.doing.data(), what.data(), size);
  row_.doing[size] = '\0';
}

void WorkerProcess::channel_ready() {
  // One at a time: mostly there is no other, and if there is, the loop reports it again.
  if (const auto packet = channel_.receive()) on_packet(*packet);
  if (!channel_.ended()) return;
  channel_.reset();
  log::line(log::Level::error, "worker {}: the master is gone; stopping", assignment_.slot);
  stop();
}

void WorkerProcess::on_packet(std::string_view packet) {
  if (packet.front() == message_mark) return service_->on_message(packet.substr(1));
  switch (static_cast<Command>(packet.front())) {
    case Command::drain:
      return drain(packet.substr(1), &Service::drain);
    case Command::replaced:
      return drain(packet.substr(1), &Service::replaced);
    case Command::stop:
      return stop();
  }
  for (const char ticket : packet)
    if (const auto listener = static_cast<std::uint8_t>(ticket); listener < listeners_.size())
      take_ticket(listener);
}

void WorkerProcess::take_ticket(unsigned listener) {
  // Counted before accept(2). If a connection arrives in between, the master at worst sends one
  // ticket too many, which finds nothing. The other way round it could send one too few.
  row_.tickets_taken[listener].fetch_add(1, std::memory_order_acq_rel);
  if (draining_) return;
  for (unsigned i = 0; i < accepts_per_ticket_[listener] && accept_one(listener); ++i) {
  }
}

// Returns whether another attempt may find another connection.
bool WorkerProcess::accept_one(unsigned listener) {
  if (!has_room()) {
    // Another worker may have room for the connections that still wait.
    if (!std::exchange(was_full_, true)) report(WorkerReport::room);
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
  row_.accepted.fetch_add(1, std::memory_order_relaxed);
  connection.guard = ConnectionGuard(*this);
  service_->accepted(std::move(connection));
  if (row_.connections >= options_.worker_connections) relieve();
  return true;
}

// Out of descriptors or memory. Logs it now and then, as it comes and goes. The connection waits in
// the backlog, for another worker or for better times.
void WorkerProcess::accept_failed(int code) {
  row_.starved = true;
  if (starvation_.pass(loop_.now()))
    log::line(log::Level::warn, "worker {}: cannot accept a connection: {}; it waits",
              assignment_.slot, errno_text(code));
  was_full_ = true;
  if (is_shortage_of_descriptors(code)) service_->crowded();
  recovery_.arm_after(recovery_delay);
}

// Repeated as long as there is no room: connections that were busy or new may be idle by now.
void WorkerProcess::relieve() {
  if (row_.connections < options_.worker_connections) return;
  service_->crowded();
  crowd_.arm_after(crowd_interval);
}

void WorkerProcess::recover() {
  row_.starved = false;
  const bool was_full = std::exchange(was_full_, false);
  if (draining_) {
    accept_rest();
    return check_finished();
  }
  if (!was_full) return;
  report(WorkerReport::room);
  if (options_.dispatch == Dispatch::kernel) watch_listeners();
}

void WorkerProcess::watch_listeners() {
  listener_watches_.clear();
  for (const Fd& listener : listeners_)
    if (!listener_watches_.emplace_back(loop_, listener.get(), EPOLLIN | EPOLLEXCLUSIVE,
                                        WatchCallback::of<&WorkerProcess::listener_ready>(*this))) {
      accept_failed(errno);
      return listener_watches_.clear();
    }
}

void WorkerProcess::listener_ready() {
  for (unsigned listener = 0; listener < listeners_.size(); ++listener)
    for (unsigned i = 0; i < accepts_per_event && accept_one(listener); ++i) {
    }
  // A listener that stays readable would wake us for nothing until there is room.
  if (was_full_) listener_watches_.clear();
}

bool WorkerProcess::has_room() const {
  return !row_.starved && row_.connections < options_.worker_connections;
}

void WorkerProcess::connection_opened() {
  row_.connections.fetch_add(1, std::memory_order_relaxed);
}

void WorkerProcess::connection_closed() {
  // The master gives no ticket to a full worker, so the worker does not notice that it is full.
  if (row_.connections.fetch_sub(1, std::memory_order_relaxed) >= options_.worker_connections)
    was_full_ = true;
  if (was_full_) recovery_.arm_after(std::chrono::milliseconds(0));
  if (draining_) check_finished();
}

void WorkerProcess::on_signal(int number) {
  if (number == SIGTERM) stop();
}

// If the beat is later than that, one turn of the loop took so long, and no other client was served
// meanwhile. The processor time tells whether we were busy, or the machine was, or we were stopped.
void WorkerProcess::beat() {
  using std::chrono::milliseconds;  // any timeout fits into them
  const auto late =
      limits_ ? std::chrono::duration_cast<milliseconds>(Clock::now() - heartbeat_.deadline())
              : milliseconds::zero();
  const auto busy = processor_time() - std::exchange(processor_time_, processor_time());
  if (late > options_.heartbeat_timeout / late_beats_per_timeout)
    log::line(
        log::Level::warn,
        "worker {}: one turn of its loop took {:.1f} s, with {:.1f} s of processor time since "
        "its last heartbeat, and everybody else had to wait; last it began {}",
        assignment_.slot, std::chrono::duration<double>(late).count(),
        std::chrono::duration<double>(busy).count(),
        row_.doing[0] == '\0' ? "nothing" : text::escape(row_.doing.data(), 128));
  if (!limits_) limits_.emplace();
  if (!limits_->restore()) retire();
  memory::give_back_unused();
  row_.heartbeats.fetch_add(1, std::memory_order_relaxed);
  heartbeat_.arm_after(options_.heartbeat_timeout / 4);
}

void WorkerProcess::report(WorkerReport report) {
  channel_.post(make_packet(report));
}

void WorkerProcess::tell_master(std::string_view message) {
  channel_.post(make_message(message));
}

// For their clients these connections are open, and their requests may have been sent: to close the
// listener would reset them. The master hands out none any more. What there is no room for waits
// until there is some, here or in another worker; the master's shutdown_timeout is its end. Without
// room in its backlog the kernel completes no further handshake: so there is an end to those who
// wait, and who comes later loses nothing.
void WorkerProcess::accept_rest() {
  for (unsigned listener = 0; listener < listeners_.size(); ++listener) {
    if (!listeners_[listener]) continue;
    while (accept_one(listener)) {
    }
    if (has_waiting(listeners_[listener]))
      ::listen(listeners_[listener].get(), 0);
    else
      listeners_[listener].reset();
  }
  if (is_listening()) recovery_.arm_after(recovery_delay);
}

bool WorkerProcess::is_listening() const {
  return std::ranges::any_of(listeners_, [](const Fd& listener) { return bool(listener); });
}

// `ending`: the listeners that nobody has afterwards. Others serve whoever waits at the rest.
void WorkerProcess::drain(std::string_view ending, void (Service::*how)()) {
  if (draining_) return;
  draining_ = true;
  listener_watches_.clear();
  for (unsigned listener = 0; listener < listeners_.size(); ++listener)
    if (ending.find(static_cast<char>(listener)) == std::string_view::npos)
      listeners_[listener].reset();
  accept_rest();
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
  if (draining_ && !is_listening() && row_.connections == 0 && service_->finished()) loop_.stop();
}

ConnectionGuard::ConnectionGuard(Worker& worker) : worker_(&worker) {
  worker.connection_opened();
}

ConnectionGuard& ConnectionGuard::operator=(ConnectionGuard&& other) noexcept {
  if (this != &other) {
    release();
    worker_ = std::exchange(other.worker_, nullptr);
  }
  return *this;
}

void ConnectionGuard::release() {
  if (Worker* const worker = std::exchange(worker_, nullptr)) worker->connection_closed();
}

}  // namespace cgisrv::pool
