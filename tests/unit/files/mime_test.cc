#include "files/mime.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace cgisrv::files {
namespace {

TEST(Mime, TypesOfTheWeb) {
  EXPECT_EQ(mime_type("/srv/index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(mime_type("a.js"), "text/javascript; charset=utf-8");
  EXPECT_EQ(mime_type("a.mjs"), "text/javascript; charset=utf-8");
  EXPECT_EQ(mime_type("a.css"), "text/css; charset=utf-8");
  EXPECT_EQ(mime_type("a.json"), "application/json");
  EXPECT_EQ(mime_type("a.wasm"), "application/wasm");
  EXPECT_EQ(mime_type("a.svg"), "image/svg+xml");
  EXPECT_EQ(mime_type("a.woff2"), "font/woff2");
  EXPECT_EQ(mime_type("a.zst"), "application/zstd");
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
