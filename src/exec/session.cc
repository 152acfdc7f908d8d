#include "exec/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "base/check.h"
#include "base/log.h"

namespace cgisrv::exec {

namespace {
constexpr unsigned programs_max = 16;  // local redirects, one after the other
constexpr auto zygote_patience = std::chrono::seconds(2);
constexpr auto silence_max = std::chrono::seconds(3);  // then somebody at a terminal wonders
}  // namespace

Session::Session(const Place& place, const Request& request, bool passes_on,
                 const rlimit& descriptors)
    : place_(place),
      request_(request),
      signals_(loop_, {SIGINT, SIGTERM, SIGHUP}, Callback::of<&Session::interrupted>(*this)),
      check_timer_(loop_, Callback::of<&Session::check>(*this)),
      wait_timer_(loop_, Callback::of<&Session::say_what_we_wait_for>(*this)),
      record_(passes_on, Callback::of<&Session::check>(*this)),
      addresses_{place.address},
      roster_(1, programs_max),
      access_log_(*server::AccessLog::open({.path = "off"})),
      service_(*this, place.config, addresses_, roster_, table_, access_log_, descriptors) {
  service_.run_context().door = nullptr;  // nobody else wants a place
  service_.run_context().observer = &record_;
  log::set_level(log::Level::info);
  log::divert([this](log::Level level, std::string_view request_id, std::string_view text) {
    record_.logged(level, request_id, text);
  });
}

Session::~Session() {
  log::divert({});
}

void Session::use_keeper(int channel, const warm::Subject& subject) {
  service_.use_keeper(channel);
  service_.run_context().zygotes->wait_for(subject, zygote_patience);
}

int Session::run() {
  began_ = Clock::now();
  if (::isatty(STDERR_FILENO) != 0) wait_timer_.arm_after(silence_max);
  connect();
  loop_.run();
  return signal_;
}

void Session::connect() {
  std::array<int, 2> ends{};
  CGISRV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) ==
               0);
  pool::Connection connection;
  connection.socket.reset(ends[0]);
  connection.seat = pool::Seat(*this);
  const auto peer =
      *net::parse_address(place_.address.family() == AF_INET6 ? "[::1]:50000" : "127.0.0.1:50000");
  std::memcpy(&connection.peer, peer.data(), peer.size());
  connection.peer_size = peer.size();
  client_.emplace(loop_, Fd(ends[1]), request_, Callback::of<&Session::answered>(*this));
  service_.accepted(std::move(connection));
}

void Session::answered(std::uint32_t) {
  stop_the_clock();
  check(0);
}

void Session::stop_the_clock() {
  if (took_.count() == 0)
    took_ = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_);
}

// Once more: whoever sends a second signal does not wait for anybody's grace.
void Session::interrupted(std::uint32_t signal) {
  if (signal_ != 0) return service_.run_context().reaper.hurry(Clock::duration::zero());
  signal_ = static_cast<int>(signal);
  stop_the_clock();
  service_.stop();
  check_timer_.arm_after(Clock::duration::zero());  // by then what ran is in the reaper's hands
}

void Session::say_what_we_wait_for(std::uint32_t) {
  write_all(STDERR_FILENO, "cgisrv: the program runs; Ctrl-C ends it\n");
}

void Session::check(std::uint32_t) {
  if (!client_ || !service_.finished() || !record_.settled()) return;
  if (signal_ != 0 || client_->response().over()) loop_.stop();
}

}  // namespace cgisrv::exec
