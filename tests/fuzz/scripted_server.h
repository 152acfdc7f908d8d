// A server without what it costs to start one: its requests are answered by scripted handlers. And
// the client's end of a connection to it, which does what an input says.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/loop.h>
#include <cgisrv/pool.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "clock.h"
#include "config/config.h"
#include "connection/connections.h"
#include "exchange/exchange.h"
#include "exchange/host.h"
#include "scripted_handler.h"

namespace cgisrv::fuzz {

class LoneWorker final : public pool::Worker {
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
    if (exchange.redirect_url().empty()) {
      numbers_[&exchange] = records.size();
      records.push_back({std::string(request.method), std::string(request.raw_target), {}});
    }
    return {.body_bytes_max = body_bytes_max};
  }
  std::unique_ptr<handler::Handler> answer(exchange::Exchange& exchange,
                                           exchange::Routing&) override {
    return std::make_unique<ScriptedHandler>(exchange, loop(), records, numbers_.at(&exchange));
  }

  std::vector<Record> records;  // one for each request that was begun
  std::uint64_t body_bytes_max = UINT64_MAX;

 private:
  std::map<const exchange::Exchange*, std::size_t>
      numbers_;  // of those at hand, and of earlier ones
};

// One for all inputs. `Connections`: of which protocol.
template <typename Connections>
struct ScriptedServer {
  ScriptedServer() { log::set_level(log::Level::fatal); }
  void start_input(std::size_t requests_max) {
    config.limits = {};
    scripts.body_bytes_max = UINT64_MAX;
    scripts.records.clear();
    scripts.records.reserve(requests_max);
  }

  LoneWorker worker;
  config::Config config;
  Scripts scripts{worker, config};
  std::vector<net::Address> addresses{*net::parse_address("unix:/fuzz")};
  std::array<char, 64 * 1024> scratch;
  Connections connections{worker, scripts, addresses, scratch};
};

class ClientEnd {
 public:
  ClientEnd(LoneWorker& worker, connection::Connections& connections)
      : worker_(worker),
        connections_(connections),
        stop_(worker.loop(), Callback::of<&ClientEnd::stop>(*this)) {}

  // The server's end, once.
  pool::Connection connect() {
    std::array<int, 2> ends{};
    CGISRV_CHECK(
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const int small = 4096;  // so that little is enough to make a side wait
    for (const int end : ends)
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    socket_.reset(ends[1]);
    pool::Connection connection;
    connection.socket.reset(ends[0]);
    connection.guard = pool::ConnectionGuard(worker_);
    return connection;
  }

  void say(std::string_view bytes) { unsent_.append(bytes); }

  void act(unsigned what) {
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
        connections_.drain();
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
    gone_ = true;
    for (int turns = 0; worker_.open_connections > 0 && turns < 10; ++turns)
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
    worker_.loop().run();
  }
  void stop() { worker_.loop().stop(); }

  LoneWorker& worker_;
  connection::Connections& connections_;
  Timer stop_;
  Fd socket_;
  std::string unsent_;
  std::string sent_;
  std::string received_;
  bool calm_ = true;
  bool gone_ = false;
};

}  // namespace cgisrv::fuzz
