// The pages that the server makes itself: whatever the names, the mark-up is the same as for
// harmless ones.
#include "page/pages.h"

#include <algorithm>

#include "base/text.h"
#include "fuzz.h"
#include "page/listing_page.h"

namespace cgisrv::fuzz {
namespace {

// As long as `s` and harmless; slashes stay, for they make the parts of a path.
std::string tame(std::string s) {
  std::ranges::replace_if(
      s, [](char c) { return c != '/'; }, 'x');
  return s;
}

void check_html(const page::Page& page, const page::Page& tamed) {
  for (const char c : std::string_view("<>\"'")) {
    CGISRV_CHECK(std::ranges::count(page.body, c) == std::ranges::count(tamed.body, c));
  }
  CGISRV_CHECK(std::ranges::none_of(page.body, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
  }));
  constexpr std::string_view href = "href=\"";
  for (auto at = page.body.find(href); at != std::string::npos; at = page.body.find(href, at + 1)) {
    const auto link = std::string_view(page.body).substr(at + href.size());
    CGISRV_CHECK(link.starts_with("./") || link.starts_with("../") || link.starts_with('?') ||
                 link.starts_with("/\"") || link.starts_with("data:,"));
  }
}

page::Page listing(std::string_view input, bool tamed) {
  Choices choices(input);
  const auto sort = choices.line();
  auto path = "/" + std::string(choices.line()) + "/";
  if (tamed) path = tame(path);
  std::vector<files::ListingEntry> entries;
  while (!choices.empty()) {
    files::ListingEntry entry;
    entry.directory = choices.byte() % 2 == 0;
    entry.bytes = std::uint64_t{1} << choices.byte() % 64;
    entry.modified = static_cast<std::time_t>(choices.byte() % 2 == 0 ? entry.bytes : -entry.bytes);
    entry.name = choices.line();
    std::erase(entry.name, '/');
    if (tamed) entry.name = tame(entry.name);
    if (!entry.name.empty()) entries.push_back(std::move(entry));
  }
  return page::listing_page(path, std::move(entries), false, sort, true);
}

page::Page error(std::string_view input, bool tamed) {
  Choices choices(input);
  page::Failure failure;
  for (auto* part : {&failure.script, &failure.filename, &failure.exit, &failure.stderr_tail,
                     &failure.output_head, &failure.reason}) {
    *part = choices.line();
    if (part == &failure.reason) part->append(choices.rest());
    if (tamed) *part = tame(*part);
  }
  return page::error_page(502, "id", true, failure);
}

}  // namespace

CGISRV_FUZZ_TARGET(pages) {
  check_html(listing(input, false), listing(input, true));
  check_html(error(input, false), error(input, true));

  http::Request request;
  request.fields.push_back({"Accept", input});
  page::wants_html(request);
  request.fields.push_back({"Accept", "text/html"});
  CGISRV_CHECK(page::wants_html(request));
}

}  // namespace cgisrv::fuzz
