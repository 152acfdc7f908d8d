#include "site/error_page.h"

#include <fmt/format.h>

#include <algorithm>

namespace cgisrv::site {

std::string_view error_page_for(const std::vector<config::ErrorPage>& pages, int status) {
  const auto found = std::ranges::find_if(pages, [status](const config::ErrorPage& page) {
    return status >= page.first && status <= page.last;
  });
  return found == pages.end() ? std::string_view() : found->path;
}

std::string why_no_error_page(const Located& found) {
  if (found.kind == Located::Kind::error) return found.problem;
  if (found.kind == Located::Kind::slash)
    return fmt::format("it is a folder; its address is \"{}\", with a slash", found.redirect);
  if (found.kind == Located::Kind::program && found.script.nph)
    return fmt::format("{} writes a status of its own, as its name begins with nph-",
                       found.script.name);
  return {};
}

}  // namespace cgisrv::site
