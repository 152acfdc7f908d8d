#include "cgi/environment.h"

#include <gmock/gmock.h>

#include "access/client_certificate.h"
#include "warm/recipe.h"

namespace cgisrv::cgi {
namespace {

using testing::Optional;

class Environments : public testing::Test {
 protected:
  Environments() {
    request.method = "GET";
    request.raw_target = "/cgi-bin/now.cgi";
    request.target.path = request.raw_target;
    request.host = "example.org";
  }
  Environment build() { return build_environment(input); }
  // The value of one variable.
  std::optional<std::string> get(std::string_view name) {
    const auto env = build();
    const auto value = env.get(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  void field(std::string_view name, std::string_view value) {
    request.fields.push_back({name, value});
  }

  http::Request request;
  Script script{.name = "/cgi-bin/now.cgi", .filename = "/srv/cgi-bin/now.cgi", .root = "/srv"};
  Endpoints endpoints{"192.0.2.1", "40000", "192.0.2.80", "8080"};
  Variables configured;
  EnvironmentInput input{request, script, endpoints, configured, "id-7", {}};
};

using Rfc3875_4_1 = Environments;

TEST_F(Rfc3875_4_1, PlainGetHasExactlyTheseVariables) {
  auto env = build();
  std::vector<std::string> all;
  for (auto* const* variable = env.envp(); *variable; ++variable)
    all.emplace_back(*variable);
  EXPECT_THAT(
      all, testing::UnorderedElementsAre(
               "GATEWAY_INTERFACE=CGI/1.1", "QUERY_STRING=", "REMOTE_ADDR=192.0.2.1",
               "REMOTE_PORT=40000", "REQUEST_METHOD=GET", "REQUEST_URI=/cgi-bin/now.cgi",
               "SCRIPT_NAME=/cgi-bin/now.cgi", "SCRIPT_FILENAME=/srv/cgi-bin/now.cgi",
               "DOCUMENT_ROOT=/srv", "SERVER_ADDR=192.0.2.80", "SERVER_NAME=example.org",
               "SERVER_PORT=8080", "SERVER_PROTOCOL=HTTP/1.1",
               "SERVER_SOFTWARE=cgisrv/" CGISRV_VERSION, "REQUEST_SCHEME=http", "REQUEST_ID=id-7",
               "UNIQUE_ID=id-7", "REDIRECT_STATUS=200", "PATH=/usr/local/bin:/usr/bin:/bin"));
  EXPECT_EQ(env.size(), all.size());
}

TEST_F(Environments, ACertificateTellsNothingUnlessItIsVerified) {
  access::ClientCertificate shown{.subject = "CN=alice",
                                  .issuer = "CN=people",
                                  .common_name = "alice",
                                  .email = "",
                                  .serial = "01",
                                  .not_before = "then",
                                  .not_after = "later"};
  endpoints.tls_protocol = "TLSv1.3";
  const auto told = [&] {
    endpoints.client_certificate = std::make_shared<access::ClientCertificate>(shown);
    std::vector<std::string> found;
    const Environment env = build();
    for (const auto entry : env.entries())
      if (entry.starts_with("SSL_CLIENT")) found.emplace_back(entry);
    return found;
  };
  EXPECT_THAT(told(), testing::ElementsAre("SSL_CLIENT_VERIFY=NONE"));
  shown.verified = "FAILED:self-signed certificate";
  EXPECT_THAT(told(), testing::ElementsAre("SSL_CLIENT_VERIFY=FAILED:self-signed certificate"));
  shown.verified = "SUCCESS";
  EXPECT_THAT(told(), testing::ElementsAre("SSL_CLIENT_VERIFY=SUCCESS", "SSL_CLIENT_S_DN=CN=alice",
                                           "SSL_CLIENT_S_DN_CN=alice", "SSL_CLIENT_I_DN=CN=people",
                                           "SSL_CLIENT_M_SERIAL=01", "SSL_CLIENT_V_START=then",
                                           "SSL_CLIENT_V_END=later"));
}

TEST_F(Rfc3875_4_1, ThePublicAddressGoesBeforeTheHost) {
  endpoints.server_name = "public.example";
  endpoints.server_port = "443";
  endpoints.https = true;
  EXPECT_THAT(get("SERVER_NAME"), Optional(std::string("public.example")));
  EXPECT_THAT(get("SERVER_PORT"), Optional(std::string("443")));
  EXPECT_THAT(get("HTTPS"), Optional(std::string("on")));
  EXPECT_THAT(get("REQUEST_SCHEME"), Optional(std::string("https")));
}

TEST_F(Rfc3875_4_1, NothingComesFromTheServersOwnEnvironment) {
  ::setenv("CGISRV_TEST_SECRET", "1", 1);
  EXPECT_FALSE(build().has("CGISRV_TEST_SECRET"));
  EXPECT_FALSE(build().has("HOME"));
}

using Rfc3875_4_1_1 = Environments;
TEST_F(Rfc3875_4_1_1, NoAuthTypeNorRemoteUserWithoutAuthentication) {
  field("Authorization", "Basic eDp5");
  EXPECT_FALSE(build().has("AUTH_TYPE"));
  EXPECT_FALSE(build().has("REMOTE_USER"));
}

using Rfc3875_4_1_2 = Environments;
TEST_F(Rfc3875_4_1_2, ContentLengthIsTheBodysNotTheFields) {
  field("Content-Length", "99");
  EXPECT_EQ(get("CONTENT_LENGTH"), std::nullopt);
  input.content_length = 5'000'000'000;
  EXPECT_THAT(get("CONTENT_LENGTH"), Optional(std::string("5000000000")));
  EXPECT_FALSE(build().has("HTTP_CONTENT_LENGTH"));
}

using Rfc3875_4_1_3 = Environments;
TEST_F(Rfc3875_4_1_3, ContentTypeExactlyWhenTheFieldIsThere) {
  EXPECT_FALSE(build().has("CONTENT_TYPE"));
  field("content-type", "text/plain; charset=x");
  EXPECT_THAT(get("CONTENT_TYPE"), Optional(std::string("text/plain; charset=x")));
  EXPECT_FALSE(build().has("HTTP_CONTENT_TYPE"));
}

using Rfc3875_4_1_5 = Environments;
TEST_F(Rfc3875_4_1_5, PathInfoIsPassedByteForByte) {
  script.path_info = "/a\nb//ü/" + std::string(10'000, 'c');
  EXPECT_EQ(get("PATH_INFO"), script.path_info);
}

using Rfc3875_4_1_6 = Environments;
TEST_F(Rfc3875_4_1_6, PathTranslatedOnlyWithPathInfo) {
  EXPECT_FALSE(build().has("PATH_TRANSLATED"));
  EXPECT_FALSE(build().has("PATH_INFO"));
  script.path_info = "/a/b";
  EXPECT_THAT(get("PATH_TRANSLATED"), Optional(std::string("/srv/a/b")));
}

using Rfc3875_4_1_7 = Environments;
TEST_F(Rfc3875_4_1_7, QueryStringIsRaw) {
  request.target.query = "a=%41+b&c";
  EXPECT_THAT(get("QUERY_STRING"), Optional(std::string("a=%41+b&c")));
}

using Rfc3875_4_1_12 = Environments;
TEST_F(Rfc3875_4_1_12, MethodKeepsItsCase) {
  request.method = "Get";
  EXPECT_THAT(get("REQUEST_METHOD"), Optional(std::string("Get")));
}

using Rfc3875_4_1_14 = Environments;
TEST_F(Rfc3875_4_1_14, ServerNameIsTheHostWithItsBrackets) {
  request.host = "[2001:db8::1]";
  EXPECT_THAT(get("SERVER_NAME"), Optional(std::string("[2001:db8::1]")));
}
TEST_F(Rfc3875_4_1_14, ServerNameIsTheAddressWithoutAHost) {
  request.host = {};
  EXPECT_THAT(get("SERVER_NAME"), Optional(std::string("192.0.2.80")));
  endpoints.server_address = "::1";
  EXPECT_THAT(get("SERVER_NAME"), Optional(std::string("[::1]")));
}

using Rfc3875_4_1_15 = Environments;
TEST_F(Rfc3875_4_1_15, ServerPortIsSetOnAUnixListenerToo) {
  endpoints = {};
  EXPECT_THAT(get("SERVER_PORT"), Optional(std::string("80")));
  endpoints.https = true;
  EXPECT_THAT(get("SERVER_PORT"), Optional(std::string("443")));
  request.port = 8443;
  EXPECT_THAT(get("SERVER_PORT"), Optional(std::string("8443")));
  EXPECT_THAT(get("REMOTE_ADDR"), Optional(std::string()));
}

using Rfc3875_4_1_16 = Environments;
TEST_F(Rfc3875_4_1_16, ServerProtocolIsTheRequests) {
  request.version = http::Version::http10;
  EXPECT_THAT(get("SERVER_PROTOCOL"), Optional(std::string("HTTP/1.0")));
}

using Rfc3875_4_1_18 = Environments;

TEST_F(Rfc3875_4_1_18, FieldsBecomeVariables) {
  field("accept-language", "de");
  field("Content-Encoding", "gzip");
  EXPECT_THAT(get("HTTP_ACCEPT_LANGUAGE"), Optional(std::string("de")));
  EXPECT_THAT(get("HTTP_CONTENT_ENCODING"), Optional(std::string("gzip")));
}

TEST_F(Rfc3875_4_1_18, FieldsOfOneNameAreMerged) {
  field("X-A", "1");
  field("Cookie", "a=1");
  field("x-a", "2");
  field("cookie", "b=2");
  EXPECT_THAT(get("HTTP_X_A"), Optional(std::string("1, 2")));
  EXPECT_THAT(get("HTTP_COOKIE"), Optional(std::string("a=1; b=2")));
}

TEST_F(Rfc3875_4_1_18, AmbiguousNamesAreDropped) {
  field("X_Forwarded-For", "spoof");
  field("X-Forwarded_For", "spoof");
  field("X.Forwarded.For", "spoof");
  field("X+Forwarded+For", "spoof");
  field("X:Forwarded", "spoof");
  field("Content_Length", "9");
  EXPECT_FALSE(build().has("HTTP_X_FORWARDED_FOR"));
  EXPECT_EQ(build().size(), 19u);
  field("X-Forwarded-For", "true");
  EXPECT_THAT(get("HTTP_X_FORWARDED_FOR"), Optional(std::string("true")));
}

TEST_F(Rfc3875_4_1_18, ConnectionsFieldsAndProxyAreWithheld) {
  for (const auto* name : {"Content-Type", "Content-Length", "Transfer-Encoding", "Connection",
                           "Keep-Alive", "TE", "Trailer", "Upgrade", "Expect", "Proxy", "pROXY",
                           "Proxy-Authorization", "Proxy-Connection", "Authorization"}) {
    field(name, "x");
  }
  EXPECT_EQ(build().size(), 20u) << "the plain ones and CONTENT_TYPE";
}

TEST_F(Rfc3875_4_1_18, FieldsSetNothingButHttpVariables) {
  for (const auto* name : {"LD_PRELOAD", "PATH", "REDIRECT_STATUS", "Redirect-Remote-User"}) {
    field(name, "spoof");
  }
  EXPECT_FALSE(build().has("LD_PRELOAD"));
  EXPECT_THAT(get("PATH"), Optional(std::string("/usr/local/bin:/usr/bin:/bin")));
  EXPECT_THAT(get("REDIRECT_STATUS"), Optional(std::string("200")));
  EXPECT_FALSE(build().has("REDIRECT_REMOTE_USER"));
}

TEST_F(Rfc3875_4_1_18, AuthorizationOnlyWhereConfigured) {
  field("Authorization", "Basic eDp5");
  EXPECT_FALSE(build().has("HTTP_AUTHORIZATION"));
  input.pass_authorization = true;
  EXPECT_THAT(get("HTTP_AUTHORIZATION"), Optional(std::string("Basic eDp5")));
}

TEST_F(Rfc3875_4_1_18, AuthorizationIsNotForThePageOfAFailure) {
  field("Authorization", "Basic eDp5");
  input.pass_authorization = true;
  input.redirected = {.url = "/first"};
  EXPECT_TRUE(build().has("HTTP_AUTHORIZATION"));
  input.redirected = {.url = "/first", .status = 401, .method = "GET"};
  EXPECT_FALSE(build().has("HTTP_AUTHORIZATION"));
}

TEST_F(Environments, Rfc9112_3_2_2AbsoluteTargetOverridesHost) {
  field("Host", "other.example");
  request.raw_target = "http://example.org:81/a?b";
  request.target = {.form = http::TargetForm::absolute, .path = "/a", .query = "b"};
  request.target.has_query = true;
  request.port = 81;
  EXPECT_THAT(get("HTTP_HOST"), Optional(std::string("example.org:81")));
  EXPECT_THAT(get("REQUEST_URI"), Optional(std::string("/a?b")));
}

TEST_F(Environments, GitProtocolOnlyWhenPlain) {
  field("Git-Protocol", "version=2");
  EXPECT_THAT(get("GIT_PROTOCOL"), Optional(std::string("version=2")));
  EXPECT_THAT(get("HTTP_GIT_PROTOCOL"), Optional(std::string("version=2")));
  request.fields.back().value = "version=2;$(x)";
  EXPECT_FALSE(build().has("GIT_PROTOCOL"));
}

TEST_F(Environments, RemoteUserIsWhatTheProxysFieldSaysIfItIsThereOnce) {
  field("X-Remote-User", "anna");
  EXPECT_FALSE(build().has("REMOTE_USER"));
  input.user_field = "x-remote-user";
  EXPECT_THAT(get("REMOTE_USER"), Optional(std::string("anna")));
  request.fields.back().value = "";
  EXPECT_FALSE(build().has("REMOTE_USER"));
  request.fields.back().value = "anna";
  field("X-REMOTE-User", "root");
  EXPECT_FALSE(build().has("REMOTE_USER"));
}

TEST_F(Environments, AUserWhomTheServerHasCheckedIsToldAndThePasswordIsNot) {
  field("Authorization", "Basic eDp5");
  field("X-Remote-User", "root");
  input.pass_authorization = true;
  input.user_field = "X-Remote-User";
  input.user = "x";
  input.auth_type = "Basic";
  EXPECT_THAT(get("AUTH_TYPE"), Optional(std::string("Basic")));
  EXPECT_THAT(get("REMOTE_USER"), Optional(std::string("x")));
  EXPECT_FALSE(build().has("HTTP_AUTHORIZATION"));
}

TEST_F(Environments, TlsSetsHttps) {
  endpoints.https = true;
  EXPECT_THAT(get("HTTPS"), Optional(std::string("on")));
  EXPECT_THAT(get("REQUEST_SCHEME"), Optional(std::string("https")));
}

TEST_F(Environments, RedirectUrlAfterALocalRedirect) {
  input.redirected = {.url = "/first"};
  EXPECT_THAT(get("REDIRECT_URL"), Optional(std::string("/first")));
}

TEST_F(Environments, OfAnErrorPageTellTheFailureAsApacheDoes) {
  input.redirected = {.url = "/first", .status = 404, .query = "a=b", .method = "POST"};
  EXPECT_THAT(get("REDIRECT_STATUS"), Optional(std::string("404")));
  EXPECT_THAT(get("REDIRECT_URL"), Optional(std::string("/first")));
  EXPECT_THAT(get("REDIRECT_QUERY_STRING"), Optional(std::string("a=b")));
  EXPECT_THAT(get("REDIRECT_REQUEST_METHOD"), Optional(std::string("POST")));
  input.redirected = {};
  EXPECT_THAT(get("REDIRECT_STATUS"), Optional(std::string("200")));
  EXPECT_FALSE(build().has("REDIRECT_REQUEST_METHOD"));
}

// Fault 14: php-cgi would run what PATH_TRANSLATED names.
TEST_F(Environments, RedirectUrlIsNotThereBesidePathTranslated) {
  input.redirected = {.url = "/first"};
  script.path_info = "/hello.txt";
  EXPECT_FALSE(build().has("REDIRECT_URL"));
  EXPECT_THAT(get("PATH_INFO"), Optional(std::string("/hello.txt")));
  EXPECT_TRUE(build().has("PATH_TRANSLATED"));
}

// Fault 21.
TEST_F(Environments, WhatIsComputedCannotBeConfigured) {
  for (const auto* name : {"SERVER_PORT", "REQUEST_SCHEME", "PATH_INFO", "REDIRECT_STATUS",
                           "REDIRECT_URL", "CONTENT_LENGTH", "SCRIPT_NAME"}) {
    configured = {{name, "configured"}};
    EXPECT_TRUE(is_computed(name)) << name;
    EXPECT_NE(get(name), std::optional<std::string>("configured")) << name;
  }
  const Environment environment = build();
  for (const auto& entry : environment.entries())
    EXPECT_TRUE(is_computed(entry.substr(0, entry.find('='))) || entry.starts_with("PATH=") ||
                entry.starts_with("HTTP_"))
        << entry;
  for (const auto* name : {"PATH", "HTTPS", "REMOTE_USER", "LANG", "TZ"})
    EXPECT_FALSE(is_computed(name)) << name;
}

// Fault 22.
TEST_F(Environments, WhyAFieldIsWithheld) {
  EXPECT_THAT(why_withheld("api_key", true), testing::HasSubstr("letters, digits and '-'"));
  EXPECT_THAT(why_withheld("X.Y", true), testing::HasSubstr("letters, digits and '-'"));
  EXPECT_THAT(why_withheld("authorization", false), testing::HasSubstr("authorization is not set"));
  EXPECT_THAT(why_withheld("Proxy", true), testing::HasSubstr("HTTP_PROXY"));
  for (const auto* name : {"Authorization", "Accept", "Content-Type", "Connection", "X-Api-Key"})
    EXPECT_EQ(why_withheld(name, true), "") << name;
}

TEST_F(Environments, ConfiguredVariablesAreAddedAndTheLastOfANameWins) {
  configured = {{"LANG", "C"}, {"PATH", "/opt"}, {"LANG", "C.UTF-8"}};
  EXPECT_THAT(get("LANG"), Optional(std::string("C.UTF-8")));
  EXPECT_THAT(get("PATH"), Optional(std::string("/opt")));
}

TEST_F(Environments, ConfiguredVariablesSupersedeNothingComputed) {
  field("Accept", "*/*");
  configured = {{"SCRIPT_NAME", "/x"}, {"HTTP_ACCEPT", "x"}, {"CONTENT_LENGTH", "3"},
                {"CONTENT_TYPE", "x"}, {"PATH_INFO", "/x"},  {"PATH_TRANSLATED", "/x"}};
  EXPECT_THAT(get("SCRIPT_NAME"), Optional(std::string("/cgi-bin/now.cgi")));
  EXPECT_THAT(get("HTTP_ACCEPT"), Optional(std::string("*/*")));
  EXPECT_EQ(build().size(), 20u);
}

// Its boot has what is the same for all requests, and so must say the same as each of them.
TEST_F(Environments, WhatAProgramIsKeptWarmWithIsWhatEachRequestSays) {
  script.filename = "/usr/bin/env";
  configured = {{"LANG", "C"},        {"SERVER_NAME", "x"},     {"HTTPS", "on"},
                {"PATH", "/opt"},     {"REDIRECT_STATUS", "1"}, {"SERVER_SOFTWARE", "x"},
                {"PATH_INFO", "/x"},  {"HTTP_HOST", "x"},       {"LANG", "C.UTF-8"},
                {"REQUEST_ID", "id"}, {"DOCUMENT_ROOT", "/x"}};
  const auto recipe = warm::make_recipe(
      {.file = script.filename, .variables = configured, .root = script.root}, {}, "/lib");
  ASSERT_TRUE(recipe) << recipe.error().why;
  const auto env = build();
  for (const std::string_view variable : recipe->environment) {
    if (!variable.starts_with("LD_") && !variable.starts_with("CGISRV_WARM")) {
      EXPECT_THAT(env.entries(), testing::Contains(variable));
    }
  }
  EXPECT_EQ(recipe->environment.size(), 7u + 4u);
}

TEST(Environment, HoldsNoNulAndNoEqualsSignInANewName) {
  Environment env;
  env.add("A=B", "1");
  env.add("", "1");
  env.add("C", std::string_view("1\0D=2", 5));
  EXPECT_EQ(env.size(), 0u);
  EXPECT_EQ(env.envp()[0], nullptr);
}

TEST(Environment, NamesAreFoundWhole) {
  Environment env;
  env.add("AB", "1");
  EXPECT_FALSE(env.has("A"));
  EXPECT_FALSE(env.has("B"));
  EXPECT_FALSE(env.has("ABC"));
  EXPECT_TRUE(env.has("AB"));
}

}  // namespace
}  // namespace cgisrv::cgi
