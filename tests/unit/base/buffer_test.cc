#include "base/buffer.h"

#include <gtest/gtest.h>

namespace cgisrv {
namespace {

TEST(Buffer, WhatGoesInComesOutInOrder) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.append("hello ");
  buffer.back().append("world");
  EXPECT_EQ(buffer.view(), "hello world");
  buffer.drop(6);
  EXPECT_EQ(buffer.view(), "world");
  EXPECT_EQ(buffer.size(), 5U);
  buffer.append("!");
  EXPECT_EQ(buffer.view(), "world!");
  buffer.drop(6);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.view(), "");
}

TEST(Buffer, DropOfNothingChangesNothing) {
  Buffer buffer;
  buffer.drop(0);
  buffer.append("a");
  buffer.drop(0);
  EXPECT_EQ(buffer.view(), "a");
}

TEST(Buffer, LongQueueKeepsItsBytes) {
  Buffer buffer;
  std::string in;
  std::string out;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    in += piece;
    buffer.append(piece);
    const auto taken = buffer.size() * 2 / 3;
    out += buffer.view().substr(0, taken);
    buffer.drop(taken);
  }
  out += buffer.view();
  EXPECT_EQ(out, in);
}

TEST(Buffer, WasteIsBounded) {
  Buffer buffer;
  for (int i = 0; i < 1000; ++i) {
    buffer.append(std::string(100, 'x'));
    buffer.drop(i == 0 ? 50 : 100);
  }
  EXPECT_EQ(buffer.size(), 50U);
  EXPECT_LE(buffer.back().size(), 400U);  // what was dropped is not kept
}

TEST(Buffer, EmptyOneGivesItsMemoryBack) {
  Buffer buffer;
  buffer.append(std::string(100'000, 'x'));
  buffer.release_if_empty();
  EXPECT_EQ(buffer.size(), 100'000U);
  buffer.drop(100'000);
  buffer.release_if_empty();
  EXPECT_LT(buffer.back().capacity(), 100U);
}

TEST(BufferDeathTest, DroppingMoreThanThereIsAborts) {
  Buffer buffer;
  buffer.append("abc");
  EXPECT_DEATH(buffer.drop(4), "check failed: count <= size");
}

}  // namespace
}  // namespace cgisrv
