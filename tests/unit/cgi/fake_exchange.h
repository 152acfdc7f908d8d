// An exchange without a client: what it is given it keeps, and what it offers the test has put in.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "handler/exchange.h"

namespace cgisrv::cgi {

class FakeExchange final : public handler::Exchange {
 public:
  enum class End { none, finished, aborted, failed, redirected, handed_to_file };

  // ---- for the test
  http::Request asked;
  std::string arrived;               // of the body, not yet consumed
  bool all_arrived = true;           // no more of it will come
  std::size_t piece_max = SIZE_MAX;  // what body() gives at a time
  std::size_t room_max = SIZE_MAX;  // what room() begins with; write() uses it up, as a slow client
  bool gone = false;                // the client: what is written is dropped

  End end = End::none;
  bool opened = false;
  bool discarded = false;
  bool raw = false;
  std::optional<http::Response> response;
  std::string written;
  std::string flushed;  // what of it was flushed
  handler::Failure failure;
  std::string location;
  std::vector<http::Field> carried;

  bool over() const { return end != End::none; }
  std::string field(std::string_view name) const {
    if (response)
      for (const http::Field& one : response->fields)
        if (one.name == name) return one.value;
    return {};
  }

  std::shared_ptr<account::Account> account;

  // ---- handler::Exchange
  const http::Request& request() const override { return asked; }
  std::string_view request_id() const override { return "5f3a"; }
  void open_body() override { opened = true; }
  std::string_view body() override { return std::string_view(arrived).substr(0, piece_max); }
  void consume(std::size_t bytes) override { arrived.erase(0, bytes); }
  bool body_complete() override { return all_arrived && arrived.empty(); }
  void discard_body() override {
    discarded = true;
    arrived.clear();
  }
  void respond(http::Response head) override {
    EXPECT_FALSE(response || raw || over());
    response = std::move(head);
  }
  void respond_raw(int) override {
    EXPECT_FALSE(response || raw || over());
    raw = true;
  }
  std::size_t room() const override { return room_max; }
  void write(std::string_view bytes) override {
    EXPECT_TRUE((response || raw) && !over());
    if (gone) return;
    EXPECT_LE(bytes.size(), room_max);
    if (room_max != SIZE_MAX) room_max -= bytes.size();
    written += bytes;
  }
  void send_file(int, std::uint64_t, std::uint64_t) override { FAIL() << "a program has no files"; }
  std::uint64_t missing() const override {
    const std::uint64_t announced = response ? response->content_length.value_or(0) : 0;
    return announced - std::min<std::uint64_t>(announced, written.size());
  }
  void set_account(std::shared_ptr<account::Account> one) override { account = std::move(one); }
  void flush() override { flushed = written; }
  void finish() override {
    EXPECT_TRUE(response || raw);
    conclude(End::finished);
  }
  void abort() override { conclude(End::aborted); }
  void fail(handler::Failure why) override {
    EXPECT_FALSE(response || raw);
    failure = std::move(why);
    conclude(End::failed);
  }
  std::string sent_file;  // after send_instead()
  void send_instead(http::Response head, std::string file) override {
    response = std::move(head);
    sent_file = std::move(file);
    conclude(End::handed_to_file);
  }
  void redirect(std::string path_query, std::vector<http::Field> fields) override {
    EXPECT_FALSE(response || raw);
    location = std::move(path_query);
    carried = std::move(fields);
    conclude(End::redirected);
  }

 private:
  void conclude(End how) {
    EXPECT_EQ(end, End::none);  // one end, once
    end = how;
  }
};

}  // namespace cgisrv::cgi
