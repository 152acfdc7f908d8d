// A producer of exchanges without a socket and without a protocol: the test says what the client
// sends and when, and reads what came back as values.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "exchange/exchange.h"
#include "http/target.h"

namespace cgisrv::exchange {

// What a client does, whatever it speaks.
struct Script {
  std::string method = "GET";
  std::string target;
  std::vector<http::Field> fields{};
  std::vector<std::string> body{};  // in pieces, as they arrive
  bool announces_length = true;     // of a body
  bool breaks_off = false;          // after what is there of the body; 10 bytes more are announced
  std::string leaves_after{};       // as soon as it has got this much content; empty: it stays

  std::uint64_t length() const {
    std::uint64_t bytes = breaks_off ? 10 : 0;
    for (const std::string& piece : body)
      bytes += piece.size();
    return bytes;
  }
  bool has_body() const { return !body.empty(); }
};

// What the client got.
struct Result {
  int status = 0;
  std::vector<http::Field> fields{};  // those about the request and its answer, not the connection
  std::string content{};
  bool whole = false;

  bool operator==(const Result&) const = default;
};

class ScriptedWire final : public Wire, private Client {
 public:
  ScriptedWire(Loop& loop, Host& host, const Script& script)
      : host_(host), script_(script), turn_(loop, Callback::of<&ScriptedWire::turn>(*this)) {}
  ScriptedWire(const ScriptedWire&) = delete;
  ScriptedWire& operator=(const ScriptedWire&) = delete;
  ~ScriptedWire() { leave(); }

  void start() {
    request_.method = script_.method;
    request_.raw_target = script_.target;
    request_.target = *http::parse_target(script_.method, script_.target);
    for (const http::Field& field : script_.fields)
      request_.fields.push_back({field.name, field.value});
    request_.host = request_.field("Host").value_or("");
    if (script_.has_body()) {
      request_.framing = script_.announces_length ? http::Framing::length : http::Framing::chunked;
      if (script_.announces_length) request_.content_length = script_.length();
    }
    exchange_ = std::make_unique<Exchange>(host_, *this, request_);
    turn_.arm_after(Clock::duration::zero());
    exchange_->start();
  }

  // Instead: as one whose head the wire cannot take.
  void refuse(int status, std::string_view reason, std::string_view line) {
    exchange_ = std::make_unique<Exchange>(host_, *this, request_);
    exchange_->refuse(status, reason, line);
  }

  bool over() const { return exchange_ == nullptr; }
  const Result& result() const { return result_; }
  Exchange& exchange() { return *exchange_; }
  // As a client that closes its connection.
  void leave() {
    if (over()) return;
    exchange_->client_gone();
    drop_exchange();
  }

 private:
  static constexpr std::size_t room_max = 8 * 1024;
  static constexpr std::size_t taken_each_turn = 5000;

  const cgi::Endpoints& endpoints() override { return endpoints_; }
  Reach reach() const override { return {.loopback = true, .unix_socket = true}; }
  access::Peer peer() const override { return {access::Peer::Kind::unix_socket, {}, true}; }
  Client& client() override { return *this; }

  void open_body() override {}
  std::string_view body() override {
    if (arrived_.empty() && script_.breaks_off && next_piece_ == script_.body.size())
      exchange_->body_failed(400, "the request's body was cut short");
    return arrived_;
  }
  void consume(std::size_t bytes) override {
    arrived_.erase(0, bytes);
    received_ += script_.announces_length ? bytes : 0;
  }
  bool body_complete() override {
    return arrived_.empty() && next_piece_ == script_.body.size() && !script_.breaks_off;
  }
  void discard_body() override {
    while (exchange_->may_discard() && !arrived_.empty())
      consume(arrived_.size());
  }
  std::uint64_t body_received() const override { return received_; }

  void respond(const http::Response& response, http::Content) override {
    result_.status = response.status;
    result_.fields = response.fields;
    if (!response.date.empty()) result_.fields.push_back({"Date", std::string(response.date)});
    if (!response.server.empty())
      result_.fields.push_back({"Server", std::string(response.server)});
    const bool may_have_length = !http::is_informational(response.status) && response.status != 204;
    if (response.content_length && may_have_length)
      result_.fields.push_back({"Content-Length", std::to_string(*response.content_length)});
  }
  void respond_raw() override {}
  std::size_t room() const override {
    return pending_.size() >= room_max ? 0 : room_max - pending_.size();
  }
  void write(std::string_view bytes) override { pending_ += bytes; }
  void send_file(int file, std::uint64_t offset, std::uint64_t length) override {
    const std::size_t before = pending_.size();
    pending_.resize(before + length);
    CGISRV_CHECK(::pread(file, pending_.data() + before, length, static_cast<off_t>(offset)) ==
                 static_cast<ssize_t>(length));
  }
  void flush() override {
    const std::size_t size = std::min(pending_.size(), left_of_turn_);
    left_of_turn_ -= size;
    result_.content += pending_.substr(0, size);
    pending_.erase(0, size);
    if (!exchange_->has_ended() || !pending_.empty()) return;
    result_.whole = exchange_->reply() == Exchange::Reply::ended;
    exchange_->delivered();
    drop_exchange();
  }
  void drop_exchange() {
    host_.release(std::move(exchange_));
    turn_.disarm();
  }
  std::uint64_t content_sent() const override { return result_.content.size(); }
  void end() override { flush(); }
  void abort() override { flush(); }
  void close() override { leave(); }

  void turn() {
    const bool was_full = room() == 0;
    left_of_turn_ = taken_each_turn;
    flush();
    if (!over() && was_full && room() > 0) exchange_->room_ready();
    if (!over() && !script_.leaves_after.empty() && result_.content == script_.leaves_after)
      return leave();
    if (over()) return;
    if (next_piece_ < script_.body.size()) arrive();
    if (exchange_->body_state() == Exchange::Body::discarded) discard_body();
    exchange_->body_ready();
    if (!over()) turn_.arm_after(std::chrono::milliseconds(1));
  }
  void arrive() {
    const std::string& piece = script_.body[next_piece_++];
    arrived_ += piece;
    if (!script_.announces_length) received_ += piece.size();
  }

  Host& host_;
  const Script& script_;
  Timer turn_;
  http::Request request_;
  cgi::Endpoints endpoints_;
  std::string arrived_;
  std::size_t next_piece_ = 0;
  std::uint64_t received_ = 0;
  std::string pending_;
  std::size_t left_of_turn_ = taken_each_turn;
  Result result_;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace cgisrv::exchange
