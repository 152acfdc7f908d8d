// The pages of a site that answer for failures: `error_pages`. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/answer_rules.h"
#include "site/locate.h"

namespace cgisrv::site {

// The path that answers for that status; empty: the server's own page.
std::string_view error_page_for(const std::vector<config::ErrorPage>& pages, int status);

// Why what was found at that path does not answer with the status of the failure, one sentence;
// empty: it does.
std::string why_no_error_page(const Located& found);

}  // namespace cgisrv::site
