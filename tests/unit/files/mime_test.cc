#include "files/mime.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace cgisrv::files {
namespace {

TEST(Mime, TypesOfTheWeb) {
  EXPECT_EQ(mime_type("/srv/index.html"), "text/html");
  EXPECT_EQ(mime_type("a.js"), "text/javascript; charset=utf-8");
  EXPECT_EQ(mime_type("a.mjs"), "text/javascript; charset=utf-8");
  EXPECT_EQ(mime_type("a.css"), "text/css");
  EXPECT_EQ(mime_type("a.json"), "application/json");
  EXPECT_EQ(mime_type("a.wasm"), "application/wasm");
  EXPECT_EQ(mime_type("a.svg"), "image/svg+xml");
  EXPECT_EQ(mime_type("a.woff2"), "font/woff2");
  EXPECT_EQ(mime_type("a.zst"), "application/zstd");
}

// Fault 24.
TEST(Mime, TextsThatPeopleReadAreShownByBrowsers) {
  for (const auto* path : {"a.log", "a.yaml", "a.yml", "a.toml", "a.ini", "a.conf", "a.cfg"})
    EXPECT_EQ(mime_type(path), "text/plain; charset=utf-8") << path;
}

// Fault 24: others than Debian's table has, or has not.
TEST(Mime, TypesThatTheWebHasOtherwise) {
  EXPECT_EQ(mime_type("segment.ts"), "video/mp2t");
  EXPECT_EQ(mime_type("stream.m3u8"), "application/vnd.apple.mpegurl");
  EXPECT_EQ(mime_type("a.cjs"), "text/javascript; charset=utf-8");
  EXPECT_EQ(mime_type("a.bz2"), "application/x-bzip2");
}

// Fault 24: what the server says would override it.
TEST(Mime, WhatSaysItsCharsetItselfIsLeftToDoSo) {
  for (const auto* type : {"text/html", "text/css", "text/xml", "application/json", "image/png"})
    EXPECT_FALSE(takes_charset(type)) << type;
  for (const auto* type : {"text/plain", "text/csv", "text/javascript", "text/markdown"})
    EXPECT_TRUE(takes_charset(type)) << type;
}

TEST(Mime, CaseIsIgnoredAndTheLastEndingCounts) {
  EXPECT_EQ(mime_type("A.PNG"), "image/png");
  EXPECT_EQ(mime_type("a.html.gz"), "application/gzip");
}

TEST(Mime, UnknownIsOctetStream) {
  for (const auto* path : {"", "README", "a.", "a.no-such-ending-anywhere", "/dir.html/README"}) {
    EXPECT_EQ(mime_type(path), "application/octet-stream") << path;
  }
}

TEST(Mime, TheSystemsTableComesSecond) {
  if (!std::filesystem::exists("/etc/mime.types")) GTEST_SKIP() << "no /etc/mime.types";
  EXPECT_EQ(mime_type("a.epub"), "application/epub+zip");
  EXPECT_EQ(mime_type("a.tsv"), "text/tab-separated-values; charset=utf-8");
}

}  // namespace
}  // namespace cgisrv::files
