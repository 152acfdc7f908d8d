#include "gateway/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace cgisrv::gateway {
namespace {

using testing::ElementsAre;
using testing::Pair;
using namespace std::string_literals;
using namespace std::string_view_literals;

using Params = std::vector<Param>;

struct Read {
  http::Request request;
  exchange::Gateway gateway;
  Refusal refusal;

  explicit Read(const Params& more, const ParamLimits& limits = {}) {
    std::vector<Param> params = {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a?b"}};
    params.insert(params.end(), more.begin(), more.end());
    refusal = read_params(params, limits, request, gateway);
  }
};

TEST(Params, BecomeARequest) {
  const Read read(Params{{"REQUEST_METHOD", "POST"},
                         {"REQUEST_URI", "/cgi-bin/x/y%20z?q=1"},
                         {"QUERY_STRING", "q=1"},
                         {"SERVER_PROTOCOL", "HTTP/2.0"},
                         {"HTTP_HOST", "example.org:8080"},
                         {"HTTP_USER_AGENT", " me "},
                         {"CONTENT_TYPE", "text/plain"},
                         {"CONTENT_LENGTH", "12"}});
  ASSERT_FALSE(read.refusal) << read.refusal.reason;
  EXPECT_EQ(read.request.method, "POST");
  EXPECT_EQ(read.request.target.path, "/cgi-bin/x/y%20z");
  EXPECT_EQ(read.request.target.query, "q=1");
  EXPECT_EQ(read.request.version, http::Version::http2);
  EXPECT_EQ(read.request.host, "example.org");
  EXPECT_EQ(read.request.port, 8080);
  EXPECT_EQ(read.request.field("User-Agent"), "me");
  EXPECT_EQ(read.request.field("Content-Type"), "text/plain");
  EXPECT_EQ(read.request.framing, http::Framing::length);
  EXPECT_EQ(read.request.content_length, 12u);
}

// They are gone by the time that the request is routed.
TEST(Params, AreNotLookedAtLater) {
  std::string name = "front.example";
  http::Request request;
  exchange::Gateway gateway;
  ASSERT_FALSE(
      read_params(Params{{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"SERVER_NAME", name}},
                  {}, request, gateway));
  std::ranges::fill(name, 'x');
  EXPECT_EQ(request.host, "front.example");
}

TEST(Params, WithoutATargetHaveTheWebServersReadingOfIt) {
  std::vector<Param> params = {{"REQUEST_METHOD", "GET"},
                               {"SCRIPT_NAME", "/cgi-bin/a b"},
                               {"PATH_INFO", "/\xc3\xa4"},
                               {"QUERY_STRING", "x=%20"}};
  http::Request request;
  exchange::Gateway gateway;
  ASSERT_FALSE(read_params(params, {}, request, gateway));
  EXPECT_EQ(request.raw_target, "/cgi-bin/a%20b/%C3%A4?x=%20");
}

TEST(Params, AnEmptyQueryIsTheWebServersWordToo) {
  EXPECT_FALSE(Read(Params{{"QUERY_STRING", ""}}).request.target.has_query);
  EXPECT_TRUE(Read(Params{}).request.target.has_query);
}

TEST(Params, TheLastOfANameCounts) {
  const Read read(
      Params{{"SCRIPT_FILENAME", "/a"}, {"SCRIPT_FILENAME", "/b"}, {"X", "1"}, {"X", "2"}});
  ASSERT_TRUE(read.gateway.program);
  EXPECT_EQ(read.gateway.program->file, "/b");
  EXPECT_THAT(read.gateway.added->variables, ElementsAre(Pair("X", "2")));
}

TEST(Params, EmptyOnesSayNothing) {
  const Read read(Params{{"CONTENT_LENGTH", ""},
                         {"CONTENT_TYPE", ""},
                         {"HTTPS", ""},
                         {"REMOTE_USER", ""},
                         {"AUTH_TYPE", ""},
                         {"SCRIPT_FILENAME", ""}});
  ASSERT_FALSE(read.refusal);
  EXPECT_EQ(read.request.framing, http::Framing::none);
  EXPECT_TRUE(read.request.fields.empty());
  EXPECT_FALSE(read.gateway.endpoints.https);
  EXPECT_FALSE(read.gateway.program);
  EXPECT_TRUE(read.gateway.added->variables.empty());
}

TEST(Params, TellOfBothEnds) {
  const Read read(Params{{"REMOTE_ADDR", "2001:db8::1"},
                         {"REMOTE_PORT", "4711"},
                         {"SERVER_ADDR", "192.0.2.1"},
                         {"SERVER_PORT", "443"},
                         {"SERVER_NAME", "front.example"},
                         {"HTTPS", "on"}});
  EXPECT_EQ(read.gateway.client.text(), "2001:db8::1");
  EXPECT_FALSE(read.gateway.client.is_local);
  EXPECT_EQ(read.gateway.endpoints.remote_address, "2001:db8::1");
  EXPECT_EQ(read.gateway.endpoints.remote_port, "4711");
  EXPECT_EQ(read.gateway.endpoints.server_port, "443");
  EXPECT_EQ(read.gateway.endpoints.server_name, "front.example");
  EXPECT_TRUE(read.gateway.endpoints.https);
  EXPECT_TRUE(Read(Params{{"REQUEST_SCHEME", "https"}}).gateway.endpoints.https);
  EXPECT_FALSE(Read(Params{{"HTTPS", "off"}}).gateway.endpoints.https);
}

TEST(Params, AClientWithoutAnAddressIsUnknown) {
  EXPECT_EQ(Read(Params{}).gateway.client.kind, access::Peer::Kind::unknown);
  const Read read(Params{{"REMOTE_ADDR", "somebody"}, {"REMOTE_PORT", "x\n"}});
  EXPECT_EQ(read.gateway.client.kind, access::Peer::Kind::unknown);
  EXPECT_EQ(read.gateway.endpoints.remote_address, "");
  EXPECT_EQ(read.gateway.endpoints.remote_port, "");
  EXPECT_EQ(Read(Params{{"REMOTE_ADDR", "unix:"}}).gateway.client.kind,
            access::Peer::Kind::unix_socket);
  EXPECT_TRUE(Read(Params{{"REMOTE_ADDR", "127.0.0.1"}}).gateway.client.is_local);
}

TEST(Params, NameAProgram) {
  const Read read(
      Params{{"DOCUMENT_ROOT", "/srv"}, {"SCRIPT_NAME", "/x.cgi"}, {"PATH_INFO", "/y"}});
  ASSERT_TRUE(read.gateway.program);
  EXPECT_EQ(read.gateway.program->file, "/srv/x.cgi");
  EXPECT_EQ(read.gateway.program->path_info, "/y");
  EXPECT_FALSE(Read(Params{{"DOCUMENT_ROOT", "/srv"}}).gateway.program) << "the path is routed";
}

TEST(Params, AreReadAsApacheWritesThem) {
  EXPECT_EQ(without_proxy("/usr/lib/x"), "/usr/lib/x");
  EXPECT_EQ(without_proxy("proxy:fcgi://127.0.0.1:9000/usr/lib/x"), "/usr/lib/x");
  EXPECT_EQ(without_proxy("proxy:fcgi://localhost/usr/lib/x?a=/b"), "/usr/lib/x");
  EXPECT_EQ(without_proxy("proxy:unix:/run/x.sock|fcgi://localhost/usr/lib/x"), "/usr/lib/x");
  EXPECT_EQ(without_proxy("proxy:balancer://pool/usr/lib/x"), "/usr/lib/x");
  EXPECT_EQ(without_proxy("proxy:fcgi://localhost"), "");
  EXPECT_EQ(without_proxy("proxy:nothing"), "");
}

TEST(Params, AFileOfApacheIsDecodedWhereItIsEncoded) {
  const auto file_of = [](std::string_view filename, std::string_view name) {
    const Read read(Params{{"SCRIPT_FILENAME", filename}, {"SCRIPT_NAME", name}});
    return read.gateway.program->file;
  };
  EXPECT_EQ(file_of("proxy:fcgi://x/usr/lib/env/a%20b", "/cgi-bin/env/a b"), "/usr/lib/env/a b");
  EXPECT_EQ(file_of("proxy:fcgi://x/srv/100%25.cgi", "/100%25.cgi"), "/srv/100%25.cgi");
  EXPECT_EQ(file_of("/srv/a%20b", "/a b"), "/srv/a%20b") << "by others it is as it is";
}

TEST(Params, ALengthMayBeUnknown) {
  const Read read(Params{{"CONTENT_LENGTH", "-1"}});  // as Caddy has it
  EXPECT_EQ(read.refusal.status, 0);
  EXPECT_EQ(read.request.framing, http::Framing::none);
  EXPECT_TRUE(read.request.fields.empty());
}

TEST(Params, FurtherOnesArePassedOn) {
  const Read read(
      Params{{"GIT_PROJECT_ROOT", "/srv/git"}, {"GIT_HTTP_EXPORT_ALL", ""}, {"_x1", "y"}});
  EXPECT_THAT(read.gateway.added->variables,
              ElementsAre(Pair("GIT_PROJECT_ROOT", "/srv/git"), Pair("GIT_HTTP_EXPORT_ALL", ""),
                          Pair("_x1", "y")));
  EXPECT_TRUE(read.gateway.added->keeps_cold);
  EXPECT_FALSE(
      Read(Params{{"REMOTE_USER", "me"}, {"DOCUMENT_URI", "/x"}}).gateway.added->keeps_cold);
}

TEST(Params, NoneSteersTheLoaderOrPosesAsAnother) {
  for (const std::string_view name : {"LD_PRELOAD",
                                      "LD_LIBRARY_PATH",
                                      "GLIBC_TUNABLES",
                                      "GCONV_PATH",
                                      "LOCPATH",
                                      "PATH",
                                      "CGISRV_WARM",
                                      "HTTP_PROXY",
                                      "HTTP_x",
                                      "PATH_INFO",
                                      "CONTENT_LENGTH",
                                      "GATEWAY_INTERFACE",
                                      "REQUEST_ID",
                                      "REDIRECT_STATUS",
                                      "1X",
                                      "A-B",
                                      "A B",
                                      "",
                                      "A=B",
                                      "BASH_FUNC_x%%",
                                      "HTTPS"})
    EXPECT_TRUE(Read(Params{{name, "7"}}).gateway.added->variables.empty()) << name;
}

TEST(Params, FieldsOfTheConnectionAreTheWebServers) {
  const Read read(Params{{"HTTP_CONNECTION", "close"},
                         {"HTTP_TRANSFER_ENCODING", "chunked"},
                         {"HTTP_CONTENT_LENGTH", "3"},
                         {"HTTP_EXPECT", "100-continue"},
                         {"HTTP_", "x"},
                         {"HTTP_A.B", "x"},
                         {"HTTP_ACCEPT", "*/*"}});
  ASSERT_EQ(read.request.fields.size(), 1u);
  EXPECT_EQ(read.request.fields[0].name, "accept");
}

TEST(Params, WhatClientsChooseIsChecked) {
  const auto status = [](const Param& param) { return Read(Params{param}).refusal.status; };
  EXPECT_EQ(status({"REQUEST_METHOD", ""}), 400);
  EXPECT_EQ(status({"REQUEST_METHOD", "get"}), 501);
  EXPECT_EQ(status({"REQUEST_METHOD", "A B"}), 400);
  EXPECT_EQ(status({"REQUEST_URI", "no/slash"}), 400);
  EXPECT_EQ(status({"REQUEST_URI", "/a b"}), 400);
  EXPECT_EQ(status({"QUERY_STRING", "a\nb"}), 400);
  EXPECT_EQ(status({"HTTP_X", "a\r\nStatus: 200"}), 400);
  EXPECT_EQ(status({"HTTP_HOST", "a/b"}), 400);
  EXPECT_EQ(status({"CONTENT_LENGTH", "-2"}), 400);
  EXPECT_EQ(status({"CONTENT_LENGTH", "99999999999999999999"}), 400);
  EXPECT_EQ(status({"CONTENT_LENGTH", "1 "}), 400);
  EXPECT_EQ(status({"X", "a\0b"sv}), 400);
  EXPECT_EQ(status({"X\0Y"sv, "a"}), 400);
  EXPECT_EQ(status({"HTTP_X", "fine\t\xe4"}), 0);
}

TEST(Params, HaveTheLimitsOfAHead) {
  const std::string large(9000, 'x');
  EXPECT_EQ(Read(Params{{"HTTP_X", large}, {"HTTP_Y", large}}).refusal.status, 431);
  const std::string target = "/" + large;
  EXPECT_EQ(Read(Params{{"REQUEST_URI", target}}).refusal.status, 414);
  EXPECT_EQ(Read(Params{{"QUERY_STRING", large}}).refusal.status, 414);
  EXPECT_EQ(Read(Params{{"HTTP_A", ""}, {"HTTP_B", ""}, {"HTTP_C", ""}}, {.fields_max = 2})
                .refusal.status,
            431);
}

TEST(Params, ARefusedRequestIsKnownToTheLog) {
  const Read read(
      Params{{"REQUEST_METHOD", "HEAD"}, {"HTTP_X", "\x01"}, {"REMOTE_ADDR", "192.0.2.1"}});
  EXPECT_EQ(read.refusal.status, 400);
  EXPECT_EQ(read.request.method, "HEAD");
  EXPECT_EQ(read.request.raw_target, "/a?b");
  EXPECT_EQ(read.gateway.endpoints.remote_address, "192.0.2.1");
}

}  // namespace
}  // namespace cgisrv::gateway
