#include "files/mime.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include "base/text.h"

namespace cgisrv::files {
namespace {

using namespace std::string_view_literals;

// Texts that people read, so that browsers show them.
constexpr std::array plain_texts = {"cfg"sv,  "conf"sv, "ini"sv, "log"sv,
                                    "toml"sv, "yaml"sv, "yml"sv};
constexpr auto plain = "text/plain; charset=utf-8"sv;

// Above the system's table, which may be missing, or have another type for an ending than the web:
// ".ts" is a translation there.
constexpr auto web_types = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"cjs", "text/javascript; charset=utf-8"},
    {"css", "text/css"},
    {"csv", "text/csv; charset=utf-8"},
    {"diff", "text/x-diff; charset=utf-8"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/x-icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonl", "application/jsonl"},
    {"jsonld", "application/ld+json"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"ndjson", "application/x-ndjson"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"patch", "text/x-diff; charset=utf-8"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rss", "application/rss+xml"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ts", "video/mp2t"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
});
static_assert(std::ranges::is_sorted(web_types));

using Types = std::map<std::string, std::string, std::less<>>;

// Lines of "type ending ending ...", '#' begins a comment. Empty if there is no such file.
Types read_types(const char* file) {
  Types types;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string type;
    words >> type;
    if (takes_charset(type)) type.append("; charset=utf-8");
    for (std::string ending; words >> ending;)
      types.try_emplace(ending, type);
  }
  return types;
}

const Types& system_types() {
  static const Types types = read_types("/etc/mime.types");
  return types;
}

}  // namespace

bool takes_charset(std::string_view type) {
  return type.starts_with("text/") && type != "text/html" && type != "text/css" &&
         type != "text/xml";
}

void load_mime_types() {
  system_types();
}

std::string_view mime_type(std::string_view path) {
  const auto dot = path.find_last_of("./");
  if (dot == path.npos || path[dot] == '/') return unknown_type;
  if (dot == 0 || path[dot - 1] == '/') return unknown_type;  // ".gz" is a name, not an ending
  std::string ending(path.substr(dot + 1));
  std::ranges::transform(ending, ending.begin(), text::lower);

  const auto first = &std::pair<std::string_view, std::string_view>::first;
  const auto web = std::ranges::lower_bound(web_types, ending, {}, first);
  if (web != web_types.end() && web->first == ending) return web->second;
  if (std::ranges::find(plain_texts, ending) != plain_texts.end()) return plain;
  const auto system = system_types().find(ending);
  return system == system_types().end() ? unknown_type : system->second;
}

}  // namespace cgisrv::files
