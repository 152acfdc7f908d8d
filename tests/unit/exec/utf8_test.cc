#include "exec/utf8.h"

#include <gtest/gtest.h>

namespace cgisrv::exec {
namespace {

TEST(Utf8, WhatIsText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"));
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xff"})
    EXPECT_FALSE(is_utf8(bad)) << testing::PrintToString(bad);
}

TEST(Utf8, ACutCharacterIsLeftOut) {
  EXPECT_EQ(without_cut_character("abc"), "abc");
  EXPECT_EQ(without_cut_character("a\u20ac"), "a\u20ac");
  EXPECT_EQ(without_cut_character("a\xe2\x82"), "a");
  EXPECT_EQ(without_cut_character("a\xf0\x9f\x98"), "a");
  EXPECT_EQ(without_cut_character("a\xc3"), "a");
  EXPECT_EQ(without_cut_character("\x80\x80\x80\x80"), "\x80\x80\x80\x80");
}

}  // namespace
}  // namespace cgisrv::exec
