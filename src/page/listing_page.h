// The page that lists a directory. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "files/listing.h"
#include "page/pages.h"

namespace cgisrv::page {

// `path` decoded, with its trailing slash; `sort` is the query ("name", "size", "date", with a
// leading '-' for descending; anything else: by name).
Page listing_page(std::string_view path, std::vector<files::ListingEntry> entries, bool more,
                  std::string_view sort, bool html);

}  // namespace cgisrv::page
