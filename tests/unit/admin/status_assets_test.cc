#include "admin/status_assets.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace cgisrv::admin {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string path_of(const fs::path& file) {
  return file.extension() == ".html" ? "/status" : "/status/" + file.filename().string();
}

TEST(StatusAssets, HasEveryFileOfThePageAsItIs) {
  unsigned files = 0;
  for (const auto& entry : fs::directory_iterator(CGISRV_SOURCE_DIR "/src/admin/status_page")) {
    const StatusAsset* const asset = find_status_asset(path_of(entry.path()));
    ASSERT_NE(asset, nullptr) << entry.path();
    EXPECT_EQ(asset->body, contents(entry.path())) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 3U);
}

TEST(StatusAssets, HasWhatTheHtmlNames) {
  const StatusAsset* const page = find_status_asset("/status");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  for (const auto* name : {"style.css", "status.css", "chart.js", "status.js"}) {
    EXPECT_THAT(page->body, testing::HasSubstr(std::string("\"status/") + name + '"'));
    const StatusAsset* const asset = find_status_asset(std::string("/status/") + name);
    ASSERT_NE(asset, nullptr) << name;
    EXPECT_FALSE(asset->body.empty()) << name;
  }
}

TEST(StatusAssets, HasNothingElse) {
  for (const auto* path : {"", "/", "/status/", "/status/status.html", "/status/..", "/metrics"})
    EXPECT_EQ(find_status_asset(path), nullptr) << path;
}

}  // namespace
}  // namespace cgisrv::admin
