// A site whose paths are located in tests.
#pragma once

#include <gmock/gmock.h>

#include "../temporary_directory.h"
#include "base/check.h"
#include "config/config.h"
#include "site/locate.h"

namespace cgisrv::site {

// A site as directory mode makes it.
class Locate : public testing::Test {
 protected:
  Locate() {
    site.root = tree.path();
    site.listing = true;
    add(config::MatchKind::prefix, "/cgi-bin/", config::ProgramKind::in_place);
    add(config::MatchKind::extension, ".cgi", config::ProgramKind::in_place);
  }
  config::Location& add(config::MatchKind kind, std::string text, config::ProgramKind program,
                        std::string path = "") {
    config::Location location;
    location.match = {kind, std::move(text)};
    location.program = program;
    location.path = std::move(path);
    return site.locations.emplace_back(std::move(location));
  }
  Located find(std::string_view raw) {
    const auto path = http::decode_path(raw);
    CGISRV_CHECK(path);
    auto located = locate(config, site, *path, visitor);
    EXPECT_NE(located.location, nullptr) << raw;
    return located;
  }
  // The status of an error; 0 when it is none.
  int status_of(std::string_view raw) {
    const auto located = find(raw);
    EXPECT_TRUE(located.kind != Located::Kind::error || !located.problem.empty()) << raw;
    return located.kind == Located::Kind::error ? located.status : 0;
  }

  TemporaryDirectory tree;
  access::Peer visitor;
  config::Config config{.sites = std::vector<config::Site>(2)};  // the second is empty
  config::Site& site = config.sites.front();
};

}  // namespace cgisrv::site
