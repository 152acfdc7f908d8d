#include "http1/body.h"

#include <gtest/gtest.h>

namespace cgisrv::http1 {
namespace {

using State = BodyReader::State;

// Feeds `pieces` one after the other; takes at most `bytes_max` at a time.
struct Reading {
  Reading(http::Framing framing, std::uint64_t length) {
    request.framing = framing;
    request.content_length = length;
    reader = BodyReader(request);
  }
  void feed(std::string_view piece, std::size_t bytes_max = SIZE_MAX) {
    input.append(piece);
    for (auto bytes = reader.peek(input); !bytes.empty(); bytes = reader.peek(input)) {
      bytes = bytes.substr(0, bytes_max);
      body += bytes;
      reader.consume(input, bytes.size());
    }
  }
  http::Request request;
  BodyReader reader;
  Buffer input;
  std::string body;
};

constexpr std::string_view chunked =
    "5\r\nhello\r\n1;name=\"value\"\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
constexpr std::string_view decoded = "hello 0123456789";

TEST(BodyReader, NoneIsCompleteAndTakesNothing) {
  Reading none(http::Framing::none, 0);
  none.feed("GET / HTTP/1.1");
  EXPECT_EQ(none.reader.state(), State::complete);
  EXPECT_EQ(none.input.view(), "GET / HTTP/1.1");
  Reading empty(http::Framing::length, 0);
  empty.feed("GET");
  EXPECT_EQ(empty.reader.state(), State::complete);
  EXPECT_EQ(empty.body, "");
  EXPECT_EQ(empty.input.view(), "GET");
  EXPECT_EQ(BodyReader().state(), State::complete);
}

TEST(BodyReader, LengthInEverySplit) {
  const std::string_view whole = "hello worldNEXT";
  for (std::size_t split = 0; split <= whole.size(); ++split) {
    Reading reading(http::Framing::length, 11);
    EXPECT_EQ(reading.reader.left(), 11U);
    reading.feed(whole.substr(0, split));
    EXPECT_EQ(reading.reader.state(), split < 11 ? State::open : State::complete) << split;
    EXPECT_EQ(reading.reader.left(), 11 - std::min<std::size_t>(split, 11));
    reading.feed(whole.substr(split));
    EXPECT_EQ(reading.body, "hello world");
    EXPECT_EQ(reading.reader.state(), State::complete);
    EXPECT_EQ(reading.reader.received(), 11U);
    EXPECT_EQ(reading.input.view(), "NEXT");
  }
}

TEST(BodyReader, ChunkedInEverySplit) {
  const std::string whole = std::string(chunked) + "NEXT";
  for (std::size_t split = 0; split <= whole.size(); ++split) {
    Reading reading(http::Framing::chunked, 0);
    reading.feed(std::string_view(whole).substr(0, split));
    EXPECT_EQ(reading.reader.state(), split < chunked.size() ? State::open : State::complete)
        << split;
    reading.feed(std::string_view(whole).substr(split));
    EXPECT_EQ(reading.body, decoded) << split;
    EXPECT_EQ(reading.reader.state(), State::complete) << split;
    EXPECT_EQ(reading.reader.received(), decoded.size());
    EXPECT_EQ(reading.input.view(), "NEXT");
  }
}

TEST(BodyReader, ByteByByteInAndOut) {
  for (const std::size_t bytes_max : {1, 3, 100}) {
    Reading reading(http::Framing::chunked, 0);
    for (const char c : chunked)
      reading.feed({&c, 1}, bytes_max);
    EXPECT_EQ(reading.body, decoded);
    EXPECT_EQ(reading.reader.state(), State::complete);
    Reading at_once(http::Framing::chunked, 0);
    at_once.feed(chunked, bytes_max);
    EXPECT_EQ(at_once.body, decoded);
    EXPECT_EQ(at_once.reader.state(), State::complete);
    EXPECT_TRUE(at_once.input.empty());
  }
}

// Fault 9.
TEST(BodyReader, TinyChunksComeTogether) {
  Reading reading(http::Framing::chunked, 0);
  constexpr std::size_t chunks = 10'000;
  std::string wire;
  std::string expected;
  for (std::size_t i = 0; i < chunks; ++i) {
    const char c = static_cast<char>('a' + i % 26);
    wire.append("1\r\n").append(1, c).append("\r\n");
    expected.push_back(c);
  }
  reading.input.append(wire);
  reading.input.append("2\r\nYZ\r\n1");  // the next one is not whole
  EXPECT_EQ(reading.reader.peek(reading.input), expected + "YZ");
  EXPECT_EQ(reading.reader.received(), chunks + 2);
  reading.reader.consume(reading.input, chunks + 2);
  EXPECT_EQ(reading.reader.peek(reading.input), "");
  reading.input.append("\r\n!\r\n0\r\n\r\nGET / HTTP/1.1");
  EXPECT_EQ(reading.reader.peek(reading.input), "!");
  EXPECT_EQ(reading.reader.state(), State::open);
  reading.reader.consume(reading.input, 1);
  EXPECT_EQ(reading.reader.peek(reading.input), "");
  EXPECT_EQ(reading.reader.state(), State::complete);
  EXPECT_EQ(reading.input.view(), "GET / HTTP/1.1");
}

TEST(BodyReader, PeekingTwiceShowsTheSame) {
  Reading reading(http::Framing::chunked, 0);
  reading.input.append("5\r\nhello\r\n");
  EXPECT_EQ(reading.reader.peek(reading.input), "hello");
  EXPECT_EQ(reading.reader.peek(reading.input), "hello");
  EXPECT_EQ(reading.reader.received(), 5U);
  reading.reader.consume(reading.input, 2);
  EXPECT_EQ(reading.reader.peek(reading.input), "llo");
  EXPECT_EQ(reading.reader.received(), 5U);
}

TEST(BodyReader, CompleteOnlyWhenEverythingIsConsumed) {
  Reading reading(http::Framing::chunked, 0);
  reading.input.append("1\r\nx\r\n0\r\n\r\n");
  EXPECT_EQ(reading.reader.peek(reading.input), "x");
  EXPECT_EQ(reading.reader.state(), State::open);
  reading.reader.consume(reading.input, 1);
  EXPECT_EQ(reading.reader.peek(reading.input), "");
  EXPECT_EQ(reading.reader.state(), State::complete);
}

TEST(BodyReader, MalformedFramingStays) {
  for (const std::string_view bad : {"x\r\n", "\r\n", "5\nhello", "5\r\nhelloX", "-1\r\n",
                                     "11111111111111111\r\n", "0\r\n \r\n"}) {
    Reading reading(http::Framing::chunked, 0);
    reading.feed(bad);
    EXPECT_EQ(reading.reader.state(), State::malformed) << bad;
    reading.feed("5\r\nhello\r\n0\r\n\r\n");
    EXPECT_EQ(reading.reader.state(), State::malformed) << bad;
  }
}

TEST(BodyReader, WhatCameBeforeTheFaultIsGiven) {
  Reading reading(http::Framing::chunked, 0);
  reading.feed("5\r\nhello\r\nzz");
  EXPECT_EQ(reading.body, "hello");
  EXPECT_EQ(reading.reader.state(), State::malformed);
  EXPECT_EQ(reading.reader.left(), UINT64_MAX);
}

}  // namespace
}  // namespace cgisrv::http1
