#include "admin/status_assets.h"

#include <algorithm>
#include <array>

#include "page/page_frame.h"

namespace cgisrv::admin {

namespace {

// Each status_page/NAME.js is embedded under this name: see embed() in src/CMakeLists.txt.
#define FOR_EACH_SCRIPT(what)                                                                    \
  what(attention) what(chart) what(dom) what(failures) what(format) what(history) what(overview) \
      what(plot) what(poll) what(report) what(status) what(tab) what(table) what(tables)
#define DECLARE(name) extern "C" const char asset_##name##_js[], asset_##name##_js_end[];
FOR_EACH_SCRIPT(DECLARE)
#undef DECLARE
extern "C" const char asset_status_html[], asset_status_html_end[];
extern "C" const char asset_status_css[], asset_status_css_end[];

constexpr std::string_view javascript = "text/javascript; charset=utf-8";
constexpr std::string_view css = "text/css; charset=utf-8";

}  // namespace

const StatusAsset* find_status_asset(std::string_view path) {
#define SCRIPT(name) \
  StatusAsset{"/status/" #name ".js", javascript, {asset_##name##_js, asset_##name##_js_end}},
  static const auto assets = std::to_array<StatusAsset>(
      {{"/status", "text/html; charset=utf-8", {asset_status_html, asset_status_html_end}},
       {"/status/style.css", css, page::style},
       {"/status/status.css", css, {asset_status_css, asset_status_css_end}},
       FOR_EACH_SCRIPT(SCRIPT)});
#undef SCRIPT
  const auto* const found = std::ranges::find(assets, path, &StatusAsset::path);
  return found == assets.end() ? nullptr : found;
}

}  // namespace cgisrv::admin
