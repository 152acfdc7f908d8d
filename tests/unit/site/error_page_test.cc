#include "site/error_page.h"

#include <gmock/gmock.h>

namespace cgisrv::site {
namespace {

using testing::HasSubstr;
using Kind = Located::Kind;

TEST(ErrorPages, TheFirstThatMatchesCounts) {
  const std::vector<config::ErrorPage> pages = {
      {503, 503, "/busy.html"}, {502, 502, ""}, {500, 599, "/sorry.cgi"}};
  EXPECT_EQ(error_page_for(pages, 503), "/busy.html");
  EXPECT_EQ(error_page_for(pages, 500), "/sorry.cgi");
  EXPECT_EQ(error_page_for(pages, 502), "") << "the server's own";
  EXPECT_EQ(error_page_for(pages, 404), "");
}

TEST(ErrorPages, WhatHasAStatusOfItsOwnIsNone) {
  EXPECT_EQ(why_no_error_page({.kind = Kind::file}), "");
  EXPECT_EQ(why_no_error_page({.kind = Kind::program}), "");
  EXPECT_EQ(why_no_error_page({.kind = Kind::redirect}), "") << "that is what its author says";
  EXPECT_EQ(why_no_error_page({.kind = Kind::error, .problem = "gone"}), "gone");
  EXPECT_THAT(why_no_error_page({.kind = Kind::slash, .redirect = "/errors/"}),
              HasSubstr("\"/errors/\", with a slash"));
  Located program{.kind = Kind::program};
  program.script.name = "/nph-x";
  program.script.nph = true;
  EXPECT_THAT(why_no_error_page(program), HasSubstr("/nph-x writes a status of its own"));
}

}  // namespace
}  // namespace cgisrv::site
