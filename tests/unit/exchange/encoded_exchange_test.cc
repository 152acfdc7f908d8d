// Exchanges whose content is compressed on its way.
#include <cgisrv/fd.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <functional>

#include "../encoding/decode.h"
#include "../temporary_directory.h"
#include "config/site.h"
#include "encoding/encoder.h"
#include "exchange/encoded_body.h"
#include "exchange_fixture.h"
#include "files/static_file.h"
#include "handler/handlers.h"

namespace cgisrv::exchange {
namespace {

using encoding::decode_gzip;
using encoding::Decoded;

std::string field(const Result& result, std::string_view name) {
  for (const http::Field& each : result.fields)
    if (each.name == name) return each.value;
  return {};
}

class EncodedExchangeTest : public ExchangeTest {
 protected:
  EncodedExchangeTest() { host.location.answers.compress = true; }
  static http::Response text(std::optional<std::uint64_t> length = {}) {
    return {.fields = {{"Content-Type", "text/plain"}, {"ETag", "\"a\""}},
            .content_length = length};
  }
  const Script by_gzip{.target = "/x", .fields = {{"Accept-Encoding", "gzip"}}};
  const std::string content = std::string(5000, 'a') + "b";
};

TEST_F(EncodedExchangeTest, WhatIsWrittenComesOutAgain) {
  host.act = [&](handler::Exchange& exchange) {
    exchange.respond(text(content.size()));
    exchange.write(content.substr(0, 10));
    EXPECT_EQ(exchange.missing(), content.size() - 10);
    exchange.write(content.substr(10) + "too much");
    exchange.finish();
  };
  ScriptedWire wire(worker.loop(), host, by_gzip);
  wire.start();
  run(wire);
  EXPECT_TRUE(wire.result().whole);
  EXPECT_EQ(decode_gzip(wire.result().content).bytes, content);
  EXPECT_TRUE(decode_gzip(wire.result().content).is_whole);
  EXPECT_EQ(field(wire.result(), "Content-Encoding"), "gzip");
  EXPECT_EQ(field(wire.result(), "Content-Length"), "");
  EXPECT_EQ(field(wire.result(), "ETag"), "W/\"a\"");
  EXPECT_EQ(field(wire.result(), "Vary"), "Accept-Encoding");
}

TEST_F(EncodedExchangeTest, AFlushLeavesNothingBehind) {
  handler::Exchange* seen = nullptr;
  host.act = [&](handler::Exchange& exchange) {
    exchange.respond(text());
    exchange.write("event: 1\n\n");
    exchange.flush();
    seen = &exchange;
  };
  ScriptedWire wire(worker.loop(), host, by_gzip);
  wire.start();
  EXPECT_EQ(decode_gzip(wire.result().content).bytes, "event: 1\n\n");
  const std::size_t sent = wire.result().content.size();
  seen->flush();
  EXPECT_EQ(wire.result().content.size(), sent) << "there was nothing new";
  seen->write("event: 2\n\n");
  EXPECT_EQ(wire.result().content.size(), sent) << "more may follow at once";
  seen->abort();
  run(wire);
  EXPECT_FALSE(wire.result().whole);
  EXPECT_EQ(decode_gzip(wire.result().content).bytes, "event: 1\n\nevent: 2\n\n");
  EXPECT_FALSE(decode_gzip(wire.result().content).is_whole);
}

// Writes as much as there is room for, as handlers do.
class Generous final : public handler::Handler {
 public:
  Generous(handler::Exchange& exchange, std::size_t left, unsigned& waits)
      : exchange_(exchange), left_(left), waits_(waits) {}
  void start() override {
    exchange_.respond({.fields = {{"Content-Type", "text/plain"}}});
    room_ready();
  }
  void room_ready() override {
    while (left_ > 0) {
      if (exchange_.room() == 0) exchange_.flush();
      const std::size_t size = std::min(left_, exchange_.room());
      if (size == 0) {
        ++waits_;
        return;
      }
      exchange_.write(std::string(size, 'x'));
      left_ -= size;
    }
    exchange_.finish();
  }

 private:
  handler::Exchange& exchange_;
  std::size_t left_;
  unsigned& waits_;
};

class CompressingHost final : public Host {
 public:
  CompressingHost(pool::Worker& worker, const config::Config& config,
                  std::function<handler::HandlerPtr(Exchange&)> make)
      : Host(worker, config, nullptr), make_(std::move(make)) {
    location_.answers.compress = true;
  }
  Routing route(Exchange&) override {
    Routing routing;
    routing.located.location = &location_;
    return routing;
  }
  handler::HandlerPtr answer(Exchange& exchange, Routing&) override { return make_(exchange); }

 private:
  std::function<handler::HandlerPtr(Exchange&)> make_;
  config::Location location_;
};

TEST_F(EncodedExchangeTest, ATurnOfTheLoopHasAShareOfIt) {
  constexpr std::size_t bytes = 10 * EncodedBody::turn_bytes_max;
  unsigned waits = 0;
  CompressingHost generous(worker, config, [&](Exchange& exchange) {
    return std::make_unique<Generous>(exchange, bytes, waits);
  });
  ScriptedWire wire(worker.loop(), generous, by_gzip);
  wire.start();
  EXPECT_EQ(waits, 1U);
  run(wire);
  EXPECT_TRUE(wire.result().whole);
  EXPECT_EQ(decode_gzip(wire.result().content).bytes.size(), bytes);
  EXPECT_GE(waits, 9U);
}

// The file has `there` bytes, and was found to have `announced`.
class FileExchangeTest : public EncodedExchangeTest {
 protected:
  Decoded sent(std::size_t announced, std::size_t there) {
    CompressingHost files(worker, config, [&](Exchange& exchange) {
      const std::string path = folder.file("file", 0644, std::string(there, 'x'));
      struct stat status {};
      status.st_size = static_cast<off_t>(announced);
      return std::make_unique<handler::FileHandler>(
          exchange, Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
          files::whole_file(exchange.request(), status, "text/plain"));
    });
    ScriptedWire wire(worker.loop(), files, by_gzip);
    wire.start();
    run(wire);
    is_whole = wire.result().whole;
    return decode_gzip(wire.result().content);
  }
  TemporaryDirectory folder;
  bool is_whole = false;
};

TEST_F(FileExchangeTest, AFileIsReadAsThereIsRoom) {
  EXPECT_EQ(sent(300'000, 300'000).bytes, std::string(300'000, 'x'));
  EXPECT_TRUE(is_whole);
}

TEST_F(FileExchangeTest, OneThatHasBecomeShorterIsCut) {
  const Decoded decoded = sent(300'000, 200'000);
  EXPECT_EQ(decoded.bytes, std::string(200'000, 'x'));
  EXPECT_FALSE(decoded.is_whole);
  EXPECT_FALSE(is_whole);
}

TEST_F(EncodedExchangeTest, PastTheLimitOfEncodersContentGoesOutAsItIs) {
  std::vector<std::unique_ptr<encoding::Encoder>> others;
  while (others.size() < encoding::Encoder::alive_max)
    others.push_back(encoding::make_encoder(encoding::Coding::gzip));
  host.act = [&](handler::Exchange& exchange) {
    exchange.respond(text(content.size()));
    exchange.write(content);
    exchange.finish();
  };
  ScriptedWire wire(worker.loop(), host, by_gzip);
  wire.start();
  run(wire);
  EXPECT_EQ(wire.result().content, content);
  EXPECT_EQ(field(wire.result(), "Content-Length"), std::to_string(content.size()));
  EXPECT_EQ(field(wire.result(), "ETag"), "\"a\"");
  EXPECT_EQ(field(wire.result(), "Vary"), "Accept-Encoding");
}

TEST_F(EncodedExchangeTest, HeadHasTheFieldsOfGetAndTakesNoEncoder) {
  host.act = [&](handler::Exchange& exchange) {
    exchange.respond(text(content.size()));
    EXPECT_EQ(encoding::Encoder::alive(), 0U);
    exchange.write(content);
    exchange.finish();
  };
  Script head = by_gzip;
  head.method = "HEAD";
  ScriptedWire wire(worker.loop(), host, head);
  wire.start();
  run(wire);
  EXPECT_EQ(wire.result().content, "");
  EXPECT_EQ(field(wire.result(), "Content-Encoding"), "gzip");
  EXPECT_EQ(field(wire.result(), "Content-Length"), "");
}

TEST_F(EncodedExchangeTest, AHandlerMayGoOnAfterTheWholeContent) {
  handler::Exchange* seen = nullptr;
  host.act = [&](handler::Exchange& exchange) {
    exchange.respond(text(content.size()));
    exchange.write(content);
    EXPECT_TRUE(exchange.leave());
    exchange.write("late");
    exchange.flush();
    seen = &exchange;
  };
  ScriptedWire wire(worker.loop(), host, by_gzip);
  wire.start();
  run(wire);
  EXPECT_TRUE(decode_gzip(wire.result().content).is_whole);
  seen->finish();
  EXPECT_TRUE(host.idle());
}

TEST_F(EncodedExchangeTest, AClientThatLeavesTakesItsEncoderAlong) {
  host.act = [&](handler::Exchange& exchange) {
    exchange.respond(text());
    exchange.write(std::string(EncodedBody::turn_bytes_max, 'x'));
  };
  ScriptedWire wire(worker.loop(), host, by_gzip);
  wire.start();
  EXPECT_EQ(encoding::Encoder::alive(), 1U);
  wire.leave();
  EXPECT_EQ(encoding::Encoder::alive(), 0U);
}

}  // namespace
}  // namespace cgisrv::exchange
