// Configurations for the tests of how they are read.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "../temporary_directory.h"
#include "config/config.h"

namespace cgisrv::config {

// A folder with a site in www/, and configurations that would stand beside it in test.toml.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    files_.directory("www/old");
    files_.file("www/prog", 0755);
    files_.file("www/text");
  }

  std::string path(std::string_view below) const {
    return fmt::format("{}/{}", files_.path(), below);
  }

  auto parse(std::string_view text) const { return parse_config(text, path("test.toml")); }

  // The configuration of a text without faults.
  Config good(std::string_view text) const {
    auto config = parse(text);
    if (config) return *config;
    for (const auto& error : config.error())
      ADD_FAILURE() << error.text();
    throw std::runtime_error("not a good configuration");  // whose parts nobody can look at
  }
  Config with_site(std::string_view text) const {
    return good(fmt::format("{}\n[[site]]\nroot = 'www'\n", text));
  }
  Location with_location(std::string_view text) const {
    const Config config = good(fmt::format("[[site]]\nroot = 'www'\n[[site.location]]\n{}", text));
    return config.sites.empty() ? Location{} : config.sites[0].locations.at(0);
  }

  // "line:column: message" of every fault.
  std::vector<std::string> faults(std::string_view text) const {
    const auto config = parse(text);
    std::vector<std::string> found;
    if (config) return found;
    for (const auto& error : config.error()) {
      EXPECT_EQ(error.file, path("test.toml"));
      found.push_back(error.text().substr(error.file.size() + 1));
    }
    return found;
  }
  // Of a text that stands before a good site, which begins on its next line.
  std::vector<std::string> faults_before_site(std::string_view text) const {
    return faults(fmt::format("{}\n[[site]]\nroot = 'www'\n", text));
  }
  // Of a location; its keys begin on line 4.
  std::vector<std::string> location_faults(std::string_view text) const {
    return faults(fmt::format("[[site]]\nroot = 'www'\n[[site.location]]\n{}", text));
  }

  TemporaryDirectory files_;
};

}  // namespace cgisrv::config
