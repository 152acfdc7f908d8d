#include "exec/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "base/check.h"
#include "base/log.h"
#include "base/packet.h"
#include "base/write_all.h"

namespace cgisrv::exec {

namespace {
constexpr unsigned programs_max = 16;  // local redirects, one after the other
constexpr auto zygote_timeout = std::chrono::seconds(2);
constexpr auto hurried_grace = std::chrono::seconds(1);  // of a program that a signal ends
constexpr auto silence_max = std::chrono::seconds(3);    // then a user at a terminal wonders
}  // namespace

Session::Session(const ResolvedRequest& resolved, const ExecRequest& request, bool passes_on,
                 const rlimit& descriptors)
    : resolved_(resolved),
      request_(request),
      signals_(loop_, {SIGINT, SIGTERM, SIGHUP}, SignalCallback::of<&Session::interrupted>(*this)),
      check_timer_(loop_, Callback::of<&Session::check>(*this)),
      wait_timer_(loop_, Callback::of<&Session::say_what_we_wait_for>(*this)),
      record_(passes_on, Callback::of<&Session::check>(*this)),
      addresses_{resolved.address},
      pid_table_(1, programs_max),
      runs_(loop_, pid_table_, 0, descriptors, Callback::of<&Session::check>(*this)),
      sites_(*this, resolved.config, nullptr, runs_),
      connections_(*this, sites_, addresses_, runs_.scratch) {
  runs_.spool_memory = cgi::SpoolMemory(resolved.config.server.worker_body_memory);
  runs_.observer = &record_;
  sites_.skip_passwords();
  log::set_level(log::Level::info);
  log::divert([this](log::Level level, std::string_view request_id, std::string_view text) {
    record_.logged(level, request_id, text);
  });
}

Session::~Session() {
  log::divert({});
}

void Session::use_zygote_manager(int channel, const warm::ZygoteKey& key) {
  zygotes_.emplace(loop_, channel, index());
  zygotes_->wait_for(key, zygote_timeout);
  runs_.zygotes = &*zygotes_;
}

int Session::run() {
  began_ = Clock::now();
  if (::isatty(STDERR_FILENO) != 0) wait_timer_.arm_after(silence_max);
  connect();
  loop_.run();
  return signal_;
}

void Session::connect() {
  auto ends = open_pair(SOCK_STREAM | SOCK_NONBLOCK);
  CGISRV_CHECK(ends);
  pool::Connection connection;
  connection.socket = std::move(ends->first);
  connection.guard = pool::ConnectionGuard(*this);
  const auto peer = *net::parse_address(resolved_.address.family() == AF_INET6 ? "[::1]:50000"
                                                                               : "127.0.0.1:50000");
  std::memcpy(&connection.peer, peer.data(), peer.size());
  connection.peer_size = peer.size();
  client_.emplace(loop_, std::move(ends->second), request_,
                  Callback::of<&Session::answered>(*this));
  connections_.accepted(std::move(connection));
}

void Session::answered() {
  stop_the_clock();
  check();
}

void Session::stop_the_clock() {
  if (took_.count() == 0)
    took_ = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_);
}

// Called again by a second signal, whose sender does not wait for any grace.
void Session::interrupted(int signal) {
  if (signal_ != 0) return runs_.reaper.hurry(Clock::duration::zero());
  signal_ = signal;
  stop_the_clock();
  runs_.stopping = true;
  connections_.close_all();
  sites_.end_detached();
  runs_.reaper.hurry(hurried_grace);
  check_timer_.arm_after(Clock::duration::zero());  // by then the reaper has what ran
}

void Session::say_what_we_wait_for() {
  write_all(STDERR_FILENO, "cgisrv: the program runs; Ctrl-C ends it\n");
}

void Session::check() {
  if (!client_ || !runs_.reaper.idle() || !sites_.idle() || !record_.is_final()) return;
  if (signal_ != 0 || client_->response().over()) loop_.stop();
}

}  // namespace cgisrv::exec
