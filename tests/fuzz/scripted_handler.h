// A handler that does what the request's path says, one letter after the other, and keeps to the
// contract of handler::Handler and handler::Exchange: what a program, a file or a page might do, in
// any order.
//
//   o  opens the body             h  responds, length not known
//   r  reads some of it           l  responds, 10 bytes announced
//   c  copies all of it           n  responds raw, as an nph program does
//   d  discards it                S  responds with a file of 5000 bytes
//   w  writes a little            .  waits for a turn of the loop
//   W  writes much                ~  waits for ever
//   a  aborts   f  fails   L  redirects to the rest of the path
//
// At its end it finishes.
#pragma once

#include <cgisrv/loop.h>
#include <sys/mman.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "fuzz.h"
#include "handler/exchange.h"

namespace cgisrv::fuzz {

// What happened to one request, for the comparison with what its client saw.
struct Record {
  std::string method;
  std::string target;
  std::string written;    // of a body, as far as its length goes
  bool finished = false;  // or failed in time for a page that says so
};

constexpr std::uint64_t file_bytes = 5000;
constexpr std::uint64_t short_length = 10;

inline int served_file() {
  static const int file = [] {
    const int made = ::memfd_create("file", 0);
    CGISRV_CHECK(::ftruncate(made, file_bytes) == 0);
    return made;
  }();
  return file;
}

class ScriptedHandler final : public handler::Handler {
 public:
  static inline int alive = 0;
  static inline int running = 0;  // those that have not come to their end

  // `records` outlives the handler; that of `number` is this request's.
  ScriptedHandler(handler::Exchange& exchange, Loop& loop, std::vector<Record>& records,
                  std::size_t number)
      : exchange_(exchange),
        records_(records),
        number_(number),
        script_(path_after_slash(exchange.request())),
        turn_(loop, Callback::of<&ScriptedHandler::go>(*this)) {
    ++alive;
    ++running;
  }
  ScriptedHandler(const ScriptedHandler&) = delete;
  ScriptedHandler& operator=(const ScriptedHandler&) = delete;
  ~ScriptedHandler() override {
    --alive;
    stop();
  }

  void start() override { go(); }
  void body_ready() override {
    CGISRV_CHECK(opened_ && !ended_);
    go();
  }
  void room_ready() override {
    CGISRV_CHECK(!ended_);
    go();
  }

 private:
  enum class Next { step, wait, end };

  // Empty in the forms of a target that have no path.
  static std::string_view path_after_slash(const http::Request& request) {
    auto path = request.target.path;
    text::take_until(path, '/');
    return path;
  }

  void stop() {
    if (!std::exchange(ended_, true)) --running;
  }

  void go() {
    if (ended_) return;  // the turn that was waited for came too late
    while (at_ < script_.size()) {
      const Next next = step(script_[at_]);
      if (next == Next::wait) return exchange_.flush();
      if (next == Next::end) return;
      ++at_;
    }
    if (!responded_) respond({});
    if (unsent_file_ && exchange_.room() == 0) return exchange_.flush();
    stop();
    record().finished = true;
    exchange_.finish();
  }

  Next step(char letter) {
    switch (letter) {
      case 'o':
        opened_ = true;
        exchange_.open_body();
        return Next::step;
      case 'r':
        return opened_ ? read() : Next::step;
      case 'c':
        return opened_ ? copy() : Next::step;
      case 'd':
        exchange_.discard_body();
        return Next::step;
      case 'h':
        return respond({});
      case 'l':
        return respond(short_length);
      case 'n':
        return respond_raw();
      case 'S':
        return send_file();
      case 'w':
        return write("some bytes, ");
      case 'W':
        return write(std::string(40'000, 'W'));
      case '.':
        if (std::exchange(waited_, !waited_)) return Next::step;
        turn_.arm(TimePoint{});
        return Next::wait;
      case '~':
        return Next::wait;
      case 'a':
      case 'f':
      case 'L':
        return end(letter);
      default:
        return Next::step;
    }
  }

  Next end(char letter) {
    if (letter == 'L' && responded_) return Next::step;
    stop();
    if (letter == 'a') {
      exchange_.abort();
    } else if (letter == 'f') {
      record().finished = !responded_;
      exchange_.fail({.status = 502, .reason = "the script says so"});
    } else {
      exchange_.redirect("/" + script_.substr(at_ + 1), {{"X-Carried", "1"}});
    }
    return Next::end;
  }

  Next read() {
    const auto bytes = exchange_.body();
    if (bytes.empty()) return exchange_.body_complete() ? Next::step : Next::wait;
    exchange_.consume((bytes.size() + 1) / 2);
    return Next::step;
  }

  Next copy() {
    respond({});
    while (true) {
      const auto bytes = exchange_.body();
      if (bytes.empty()) return exchange_.body_complete() ? Next::step : Next::wait;
      const auto part = bytes.substr(0, room());
      if (part.empty()) return Next::wait;
      put(part);
      exchange_.consume(part.size());
    }
  }

  Next write(std::string_view bytes) {
    if (!responded_) return Next::step;
    const auto part = bytes.substr(0, room());
    if (part.empty()) return Next::wait;
    put(part);
    return Next::step;
  }

  Next respond(std::optional<std::uint64_t> length) {
    if (responded_) return Next::step;
    responded_ = true;
    length_ = length;
    http::Response response;
    response.content_length = length;
    response.add("X-Number", std::to_string(number_));
    exchange_.respond(std::move(response));
    return Next::step;
  }

  Next respond_raw() {
    if (responded_) return Next::step;
    if (!exchange_.takes_raw()) return respond({});
    responded_ = true;
    silent_ = exchange_.request().method == "HEAD";
    exchange_.respond_raw(200);
    exchange_.write("HTTP/1.1 200 OK\r\nConnection: close\r\nX-Number: " + std::to_string(number_) +
                    "\r\n\r\n");
    return Next::step;
  }

  Next send_file() {
    if (responded_) return Next::step;
    respond(file_bytes);
    unsent_file_ = true;
    exchange_.send_file(served_file(), 0, file_bytes);
    record().written.assign(file_bytes, '\0');
    length_ = 0;
    exchange_.flush();
    return Next::step;
  }

  std::size_t room() {
    if (exchange_.room() == 0) exchange_.flush();
    return exchange_.room();
  }

  void put(std::string_view bytes) {
    if (silent_) return;
    exchange_.write(bytes);
    if (length_) {
      bytes = bytes.substr(0, *length_);
      *length_ -= bytes.size();
    }
    record().written.append(bytes);
  }

  Record& record() { return records_[number_]; }

  handler::Exchange& exchange_;
  std::vector<Record>& records_;
  std::size_t number_;
  std::string script_;
  Timer turn_;
  std::size_t at_ = 0;
  bool opened_ = false;
  bool responded_ = false;
  bool waited_ = false;
  bool unsent_file_ = false;
  bool ended_ = false;
  bool silent_ = false;                  // the server drops no body of a raw answer to HEAD
  std::optional<std::uint64_t> length_;  // still to be written
};

}  // namespace cgisrv::fuzz
