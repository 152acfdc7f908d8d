#include "encoding/coding.h"

#include <gmock/gmock.h>

namespace cgisrv::encoding {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum Coding;

std::vector<Coding> accepted(std::string_view field) {
  return accepted_codings(field, smallest_first);
}

TEST(Rfc9110_12_5_3, TheServersOrderHoldsWhereTheClientHasNone) {
  EXPECT_THAT(accepted("gzip, deflate, br, zstd"), ElementsAre(br, zstd, gzip));
  EXPECT_THAT(accepted("gzip, zstd"), ElementsAre(zstd, gzip));
  EXPECT_THAT(accepted_codings("gzip, br, zstd", fastest_first), ElementsAre(zstd, br, gzip));
  EXPECT_THAT(accepted("GZip"), ElementsAre(gzip));
  EXPECT_THAT(accepted("x-gzip"), ElementsAre(gzip));
}

TEST(Rfc9110_12_5_3, WeightsGoBeforeIt) {
  EXPECT_THAT(accepted("br;q=0.1, gzip;q=1.0, zstd;q=0.5"), ElementsAre(gzip, zstd, br));
  EXPECT_THAT(accepted("br;q=0.1,gzip ; Q=0.101"), ElementsAre(gzip, br));
  EXPECT_THAT(accepted("gzip;q=0.001"), ElementsAre(gzip));
}

TEST(Rfc9110_12_5_3, ZeroRefuses) {
  EXPECT_THAT(accepted("gzip;q=0, br;q=0.000, zstd;q=0."), IsEmpty());
  EXPECT_THAT(accepted("*, br;q=0"), ElementsAre(zstd, gzip));
  EXPECT_THAT(accepted("*;q=0"), IsEmpty());
  EXPECT_THAT(accepted("*;q=0, gzip"), ElementsAre(gzip));
}

TEST(Rfc9110_12_5_3, AStarIsEveryCodingThatIsNotNamed) {
  EXPECT_THAT(accepted("*"), ElementsAre(br, zstd, gzip));
  EXPECT_THAT(accepted("gzip, *;q=0.5"), ElementsAre(gzip, br, zstd));
}

TEST(Rfc9110_12_5_3, IdentityMayBePreferred) {
  EXPECT_THAT(accepted("identity, gzip;q=0.5"), IsEmpty());
  EXPECT_THAT(accepted("identity, gzip"), ElementsAre(gzip));
  EXPECT_THAT(accepted("identity;q=0.5, gzip, br;q=0.4"), ElementsAre(gzip));
  EXPECT_THAT(accepted("identity;q=0, gzip;q=0.1"), ElementsAre(gzip));
  EXPECT_THAT(accepted("gzip;q=0.5, *"), ElementsAre(br, zstd)) << "* is identity too";
}

TEST(Rfc9110_12_5_3, WhatIsNoneOfThatIsIgnored) {
  for (const auto* field :
       {"", ",", "deflate, compress", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=.5",
        "gzip;q=", "gzip;level=9", "gzip;q=0.5;x", "gzip br", "identity"})
    EXPECT_THAT(accepted(field), IsEmpty()) << field;
  EXPECT_THAT(accepted(",,gzip;, ;q=0, \t"), ElementsAre(gzip));
}

TEST(Compressible, TextAndWhatIsLikeIt) {
  for (const auto* type :
       {"text/html", "TEXT/Plain; charset=utf-8", "text/event-stream", "application/json",
        "application/problem+json", "image/svg+xml", "application/wasm", "font/ttf ;x=y"})
    EXPECT_TRUE(is_compressible(type)) << type;
  for (const auto* type : {"", "text", "image/png", "application/zip", "font/woff2", "video/mp4",
                           "application/octet-stream", "application/pdf", "+json"})
    EXPECT_FALSE(is_compressible(type)) << type;
}

TEST(Codings, HaveNamesAndEndings) {
  EXPECT_EQ(name_of(zstd), "zstd");
  EXPECT_EQ(ending_of(zstd), ".zst");
  EXPECT_EQ(name_of(gzip), "gzip");
  EXPECT_EQ(ending_of(br), ".br");
}

}  // namespace
}  // namespace cgisrv::encoding
