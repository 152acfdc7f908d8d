#include "exchange/negotiation.h"

#include <gmock/gmock.h>

namespace cgisrv::exchange {
namespace {

using encoding::Coding;
using testing::ElementsAre;
using testing::IsEmpty;

class NegotiationTest : public testing::Test {
 protected:
  NegotiationTest() {
    request.fields = {{"Accept-Encoding", "gzip"}, {"accept-encoding", "br;q=0.5"}};
  }
  static http::Response html() { return {.fields = {{"Content-Type", "text/html"}}}; }
  // Of HTML with that field.
  std::vector<Coding> with(const http::Field& field) {
    http::Response response = html();
    response.fields.push_back(field);
    return negotiate(request, response);
  }
  // What becomes of Vary.
  std::vector<std::string> varied(const std::vector<std::string>& values) {
    http::Response response = html();
    for (const std::string& value : values)
      response.fields.push_back({"vary", value});
    negotiate(request, response);
    std::vector<std::string> found;
    for (const http::Field& field : response.fields)
      if (field.name == "vary" || field.name == "Vary") found.push_back(field.value);
    return found;
  }

  http::Request request;
};

TEST_F(NegotiationTest, TheClientsCodingsInItsOrder) {
  http::Response response = html();
  EXPECT_THAT(negotiate(request, response), ElementsAre(Coding::gzip, Coding::br));
  request.fields.clear();
  EXPECT_THAT(negotiate(request, response), IsEmpty());
  EXPECT_EQ(response.field("Vary"), "Accept-Encoding") << "another client may take some";
}

TEST_F(NegotiationTest, OnlyWhereItPays) {
  http::Response response = html();
  response.content_length = encoded_bytes_min - 1;
  EXPECT_THAT(negotiate(request, response), IsEmpty());
  response.content_length = encoded_bytes_min;
  EXPECT_THAT(negotiate(request, response), ElementsAre(Coding::gzip, Coding::br));
  response.fields = {{"Content-Type", "image/png"}};
  EXPECT_THAT(negotiate(request, response), IsEmpty());
  EXPECT_EQ(response.field("Vary"), "");
  for (const int status : {204, 205, 206}) {
    response = html();
    response.status = status;
    EXPECT_THAT(negotiate(request, response), IsEmpty()) << status;
  }
}

TEST_F(NegotiationTest, NotWhatIsEncodedOrMustNotBe) {
  EXPECT_THAT(with({"content-encoding", "identity"}), IsEmpty());
  EXPECT_THAT(with({"Content-Range", "bytes 0-1/2"}), IsEmpty());
  EXPECT_THAT(with({"Content-Digest", "sha-256=:x:"}), IsEmpty());
  EXPECT_THAT(with({"Cache-Control", "private, No-Transform"}), IsEmpty());
  EXPECT_THAT(with({"Cache-Control", "no-store"}), ElementsAre(Coding::gzip, Coding::br));
}

TEST_F(NegotiationTest, VaryIsMerged) {
  EXPECT_THAT(varied({}), ElementsAre("Accept-Encoding"));
  EXPECT_THAT(varied({"Cookie", "Origin"}), ElementsAre("Cookie, Accept-Encoding", "Origin"));
  EXPECT_THAT(varied({"Cookie", "Origin, accept-encoding"}),
              ElementsAre("Cookie", "Origin, accept-encoding"));
  EXPECT_THAT(varied({"*"}), ElementsAre("*"));
}

TEST_F(NegotiationTest, WhatIsChosenAlreadyVariesAndWhatIsForAllDoesNot) {
  http::Response response{.fields = {{"Content-Encoding", "br"}},
                          .negotiation = http::Negotiation::done};
  EXPECT_THAT(negotiate(request, response), IsEmpty());
  EXPECT_EQ(response.field("Vary"), "Accept-Encoding");
  response = html();
  response.negotiation = http::Negotiation::none;
  EXPECT_THAT(negotiate(request, response), IsEmpty());
  EXPECT_EQ(response.field("Vary"), "");
}

TEST_F(NegotiationTest, TheHeadSaysWhatTheContentBecomes) {
  http::Response response = {.fields = {{"ETag", "\"a\""}, {"Accept-Ranges", "bytes"}},
                             .content_length = 2000};
  show_coding(response, Coding::zstd);
  EXPECT_EQ(response.field("ETag"), "W/\"a\"");
  EXPECT_EQ(response.field("Content-Encoding"), "zstd");
  EXPECT_EQ(response.field("Accept-Ranges"), "");
  EXPECT_FALSE(response.content_length);
  show_coding(response, Coding::zstd);
  EXPECT_EQ(response.field("ETag"), "W/\"a\"");
}

TEST_F(NegotiationTest, A304HasTheETagOfItsAnswer) {
  http::Response response = {.status = 304, .fields = {{"ETag", "\"a\""}}};
  EXPECT_THAT(negotiate(request, response), ElementsAre(Coding::gzip, Coding::br));
  show_coding(response, Coding::gzip);
  EXPECT_EQ(response.field("ETag"), "W/\"a\"");
  EXPECT_EQ(response.field("Vary"), "Accept-Encoding");
  EXPECT_EQ(response.field("Content-Encoding"), "");
}

}  // namespace
}  // namespace cgisrv::exchange
