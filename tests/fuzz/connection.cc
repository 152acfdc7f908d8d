// Whole connections: a client that sends, reads, stalls, half-closes and resets as the input says,
// against the state machines of http1::Connection and its exchanges, with handlers that do what
// each request's path says (scripted_handler.h). Whatever happens: every request is answered once
// and in order, nothing follows the last answer, and in the end nothing is left.
//
// The input is what the client sends. Bytes from 0x80 on are not sent, they are what else happens;
// the first byte chooses limits.
#include "http1/connection.h"

#include <sys/socket.h>

#include <array>
#include <chrono>

#include "base/log.h"
#include "exchange/exchange.h"
#include "http1/server.h"
#include "scripted_handler.h"
#include "wire.h"

namespace {
// The clock of this program: it goes on by a microsecond with each look, and when the input says.
std::chrono::nanoseconds clock_now{0};
}  // namespace

// In place of the library's. Time-outs of minutes then cost nothing and come at the same moment
// whenever an input is run.
std::chrono::steady_clock::time_point std::chrono::_V2::steady_clock::now() noexcept {
  return time_point(clock_now += std::chrono::microseconds(1));
}

namespace cgisrv::fuzz {
namespace {

std::vector<Record> records;  // of the connection at hand, one for each request that was begun
std::uint64_t body_bytes_max = UINT64_MAX;

class Worker final : public pool::Worker {
 public:
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view) override {}
  void check_finished() override {}
  void tell_master(std::string_view) override {}
  int open_connections = 0;

 private:
  void connection_opened() override { ++open_connections; }
  void connection_closed() override { --open_connections; }
  Loop loop_{16};
};

// In place of sites, which look for files and programs.
class Scripts final : public exchange::Host {
 public:
  Scripts(pool::Worker& worker, const config::Config& config) : Host(worker, config, nullptr) {}
  exchange::Routing route(exchange::Exchange& exchange) override {
    const auto& request = exchange.request();
    if (exchange.redirect_url().empty())
      records.push_back({std::string(request.method), std::string(request.raw_target), {}});
    return {.body_bytes_max = body_bytes_max};
  }
  std::unique_ptr<handler::Handler> answer(exchange::Exchange& exchange,
                                           exchange::Routing&) override {
    return std::make_unique<ScriptedHandler>(exchange, loop(), records);
  }
};

// The server without what it costs to start: one for all inputs.
struct Server {
  Server() { log::set_level(log::Level::fatal); }
  Worker worker;
  config::Config config;
  Scripts scripts{worker, config};
  std::vector<net::Address> addresses{*net::parse_address("unix:/fuzz")};
  std::array<char, 64 * 1024> scratch;
  http1::Server connections{worker, scripts, addresses, scratch};
};

class Client {
 public:
  explicit Client(Server& server)
      : server_(server), stop_(server.worker.loop(), Callback::of<&Client::stop>(*this)) {
    std::array<int, 2> ends{};
    CGISRV_CHECK(
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const int small = 4096;  // so that little is enough to make a side wait
    for (const int end : ends)
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    socket_.reset(ends[1]);
    pool::Connection connection;
    connection.socket.reset(ends[0]);
    connection.guard = pool::ConnectionGuard(server.worker);
    server.connections.accepted(std::move(connection));
  }

  void say(char c) { unsent_.push_back(c); }

  void act(unsigned char what) {
    send();
    switch (what % 16) {
      case 0:
      case 1:
        break;
      case 2:
        receive(1);
        break;
      case 3:
        receive(4096);
        break;
      case 4:
        unsent_.clear();
        calm_ = false;
        ::shutdown(socket_.get(), SHUT_WR);
        break;
      case 5:
        calm_ = false;
        gone_ = true;
        socket_.reset();
        break;
      case 6:
        clock_now += std::chrono::milliseconds(600);
        calm_ = false;
        break;
      case 7:
        clock_now += std::chrono::hours(1);
        calm_ = false;
        break;
      case 8:
        server_.connections.drain();
        calm_ = false;
        break;
      default:
        return;
    }
    turn();
  }

  // Lets everything come to its end that does so by itself.
  void settle() {
    for (unsigned idle = 0, turns = 0; idle < 4; ++idle, ++turns) {
      const auto before = sent_.size() + received_.size();
      send();
      turn();
      receive(64 * 1024);
      if (sent_.size() + received_.size() != before) idle = 0;
      CGISRV_CHECK(turns < 100'000);
    }
  }

  void leave() {
    socket_.reset();
    for (int turns = 0; server_.worker.open_connections > 0 && turns < 10; ++turns)
      turn();
    turn();  // what was disposed of is freed
  }

  std::string_view sent() const { return sent_; }
  std::string_view received() const { return received_; }
  bool calm() const { return calm_; }  // only bytes came from us, and time did not pass
  bool gone() const { return gone_; }

 private:
  void send() {
    if (gone_ || unsent_.empty()) return;
    const auto size = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (size <= 0) return;
    sent_.append(unsent_, 0, static_cast<std::size_t>(size));
    unsent_.erase(0, static_cast<std::size_t>(size));
  }
  void receive(std::size_t most) {
    if (gone_) return;
    std::array<char, 64 * 1024> bytes;
    const auto size = ::recv(socket_.get(), bytes.data(), std::min(most, bytes.size()), 0);
    if (size > 0) received_.append(bytes.data(), static_cast<std::size_t>(size));
  }
  void turn() {
    stop_.arm(TimePoint{});
    server_.worker.loop().run();
  }
  void stop() { server_.worker.loop().stop(); }

  Server& server_;
  Timer stop_;
  Fd socket_;
  std::string unsent_;
  std::string sent_;
  std::string received_;
  bool calm_ = true;
  bool gone_ = false;
};

// Every request that was begun is one that was sent, in that order; and the answers are theirs.
void check_order(const Sent& sent, const std::vector<Received>& responses) {
  CGISRV_CHECK(records.size() <= sent.requests.size());
  for (std::size_t i = 0; i < records.size(); ++i)
    CGISRV_CHECK(records[i].target == sent.requests[i].target);
  CGISRV_CHECK(responses.size() <= records.size() + 1);  // one may refuse what is no request
  for (std::size_t i = 0; i < responses.size(); ++i) {
    const auto& [status, number, body, close, whole] = responses[i];
    CGISRV_CHECK(number ? *number == i : status >= 400);
    if (i >= records.size()) {
      CGISRV_CHECK(!number && close);
    } else if (number && records[i].method != "HEAD") {
      CGISRV_CHECK(records[i].written.starts_with(body));
      CGISRV_CHECK(!whole || records[i].written == body);
    }
  }
}

// Where nobody was in a hurry, whatever could be answered was.
void check_complete(const Sent& sent, const std::vector<Received>& responses) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!records[i].finished) return;
    CGISRV_CHECK(responses.size() > i);
    if (!responses[i].whole || responses[i].close) return;
    if (!sent.requests[i].body_whole) return;
  }
  CGISRV_CHECK(records.size() == sent.requests.size());
  CGISRV_CHECK(!sent.malformed || responses.size() == records.size() + 1);
}

void choose_limits(config::Config& config, unsigned choice) {
  config.limits = {};
  if ((choice & 1) != 0) config.limits.keepalive_requests = 2;
  if ((choice & 2) != 0) config.limits.header_size = 300;
  if ((choice & 4) != 0) config.limits.target_size = 30;
  body_bytes_max = (choice & 8) != 0 ? 20 : UINT64_MAX;
}

}  // namespace

CGISRV_FUZZ_TARGET(connection) {
  static Server server;
  Choices choices(input);
  choose_limits(server.config, choices.byte());
  records.clear();
  records.reserve(input.size());
  Client client(server);
  for (const char c : choices.rest()) {
    if (const auto byte = static_cast<unsigned char>(c); byte >= 0x80) {
      client.act(byte);
    } else {
      client.say(c);
    }
  }
  client.settle();

  const auto& limits = server.config.limits;
  const auto sent = read_requests(client.sent(), {.head_bytes_max = limits.header_size,
                                                  .target_bytes_max = limits.target_size,
                                                  .fields_max = limits.header_fields});
  const auto responses = read_responses(client.received(), sent);
  check_order(sent, responses);
  if (client.calm()) check_complete(sent, responses);
  client.leave();
  CGISRV_CHECK(server.worker.open_connections == 0);
  CGISRV_CHECK(ScriptedHandler::alive == 0);
}

}  // namespace cgisrv::fuzz
