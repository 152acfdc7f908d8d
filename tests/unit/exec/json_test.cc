#include "exec/json.h"

#include <gmock/gmock.h>

namespace cgisrv::exec {
namespace {

std::string list_of(std::string_view value) {
  JsonWriter json;
  json.begin_list();
  json.text("", value);
  json.end_list();
  return std::move(json).take();
}

TEST(Json, EscapesWhatAStringMayNotHold) {
  EXPECT_EQ(list_of("a\"b\\c"), "[\n  \"a\\\"b\\\\c\"\n]\n");
  EXPECT_EQ(list_of(std::string_view("\0\x1f\x7f\n\r\t", 6)),
            "[\n  \"\\u0000\\u001f\\u007f\\n\\r\\t\"\n]\n");
  EXPECT_EQ(list_of("\u00e9\u20ac\U0001f600"), "[\n  \"\u00e9\u20ac\U0001f600\"\n]\n");
  EXPECT_EQ(list_of("a\xff"
                    "b"),
            "[\n  \"a\ufffdb\"\n]\n");
}

TEST(Json, NestsObjectsAndLists) {
  JsonWriter json;
  json.begin_object();
  json.number("n", std::uint64_t{18446744073709551615U});
  json.number("t", 0.5);
  json.begin_list("l");
  json.boolean("", true);
  json.null("");
  json.end_list();
  json.begin_object("empty");
  json.end_object();
  json.end_object();
  EXPECT_EQ(std::move(json).take(),
            "{\n  \"n\": 18446744073709551615,\n  \"t\": 0.500,\n  \"l\": [\n    true,\n    null\n"
            "  ],\n  \"empty\": {}\n}\n");
}

TEST(Json, BytesThatAreNoTextGoAsBase64UnderAnotherKey) {
  JsonWriter json;
  json.begin_object();
  json.bytes("a", "text");
  json.bytes("b", "\xff\xfe");
  json.end_object();
  EXPECT_EQ(std::move(json).take(), "{\n  \"a\": \"text\",\n  \"b_base64\": \"//4=\"\n}\n");
}

TEST(Json, Base64) {  // RFC 4648 section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Json, Utf8) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"));
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xff"})
    EXPECT_FALSE(is_utf8(bad)) << testing::PrintToString(bad);
}

TEST(Json, ACutCharacterIsLeftOut) {
  EXPECT_EQ(without_cut_character("abc"), "abc");
  EXPECT_EQ(without_cut_character("a\u20ac"), "a\u20ac");
  EXPECT_EQ(without_cut_character("a\xe2\x82"), "a");
  EXPECT_EQ(without_cut_character("a\xf0\x9f\x98"), "a");
  EXPECT_EQ(without_cut_character("a\xc3"), "a");
  EXPECT_EQ(without_cut_character("\x80\x80\x80\x80"), "\x80\x80\x80\x80");
}

}  // namespace
}  // namespace cgisrv::exec
