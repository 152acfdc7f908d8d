#include "process/data_file.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cgisrv::process {

namespace {

using namespace std::string_view_literals;

struct Kind {
  std::string_view mark;
  std::string_view name;
};

constexpr std::array beginnings = {
    Kind{"\x89PNG", "a PNG image"},
    Kind{"\xff\xd8\xff", "a JPEG image"},
    Kind{"GIF8", "a GIF image"},
    Kind{"RIFF", "an image or sound"},
    Kind{"\0\0\1\0"sv, "an icon"},
    Kind{"%PDF-", "a PDF document"},
    Kind{"PK\3\4", "a ZIP archive"},
    Kind{"\x1f\x8b", "a compressed file"},
    Kind{"<svg", "an SVG image"},
    Kind{"<!DOCTYPE html", "an HTML page"},
    Kind{"<!doctype html", "an HTML page"},
};

// For texts whose first bytes do not show their kind.
constexpr std::array endings = {
    Kind{".png", "an image"},
    Kind{".jpg", "an image"},
    Kind{".jpeg", "an image"},
    Kind{".gif", "an image"},
    Kind{".svg", "an image"},
    Kind{".webp", "an image"},
    Kind{".ico", "an icon"},
    Kind{".css", "a style sheet"},
    Kind{".html", "an HTML page"},
    Kind{".htm", "an HTML page"},
    Kind{".txt", "a text"},
    Kind{".md", "a text"},
    Kind{".json", "data"},
    Kind{".xml", "data"},
    Kind{".csv", "data"},
    Kind{".pdf", "a document"},
    Kind{".woff", "a font"},
    Kind{".woff2", "a font"},
    Kind{".ttf", "a font"},
    Kind{".map", "data"},
    Kind{".conf", "a configuration"},
    Kind{".ini", "a configuration"},
    Kind{".log", "a log"},
    Kind{".yaml", "a configuration"},
    Kind{".toml", "a configuration"},
};

}  // namespace

std::string_view data_kind(std::string_view file, std::string_view bytes) {
  if (bytes.starts_with("#!") || bytes.starts_with("\x7f"
                                                   "ELF"))
    return {};
  for (const auto& [mark, name] : beginnings)
    if (bytes.starts_with(mark)) return name;
  const std::string_view base = file.substr(file.rfind('/') + 1);
  const auto dot = base.rfind('.');
  if (dot == base.npos) return {};
  const auto known = std::ranges::find_if(endings, [&](const Kind& kind) {
    return text::equals_ignoring_case(base.substr(dot), kind.mark);
  });
  return known != endings.end() ? known->name : std::string_view();
}

}  // namespace cgisrv::process
