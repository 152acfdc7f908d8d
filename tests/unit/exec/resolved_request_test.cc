#include "exec/resolved_request.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"

namespace cgisrv::exec {
namespace {

using testing::HasSubstr;

class ResolvedRequestTest : public testing::Test {
 protected:
  Result<ResolvedRequest> by(const std::string& toml, const std::string& script,
                             const std::string& url) {
    auto config = config::parse_config(toml, directory.path() + "/c.toml");
    EXPECT_TRUE(config) << config.error().front().text();
    return resolve_request(std::move(*config), script, url);
  }
  std::string site(std::string_view more = "") {
    return fmt::format("[[site]]\nroot = \"{}\"\n{}", directory.path(), more);
  }
  std::string error(const Result<ResolvedRequest>& resolved) {
    return resolved ? "" : resolved.error().what;
  }

  TemporaryDirectory directory;
  std::string script = directory.file("cgi-bin/p", 0755);
  std::string cgi_bin = site("[[site.location]]\nmatch = \"/cgi-bin/\"\ncgi = true\n");
};

TEST_F(ResolvedRequestTest, OfCgiBinIsWhatHoldsIt) {
  const auto resolved = resolve_request(script, "");
  ASSERT_TRUE(resolved) << error(resolved);
  EXPECT_EQ(resolved->config.sites.front().root, directory.path());
  EXPECT_EQ(resolved->url, "/cgi-bin/p");
  EXPECT_EQ(resolved->host, "127.0.0.1:8888");
}

TEST_F(ResolvedRequestTest, TakesWhatTheUrlSays) {
  EXPECT_EQ(resolve_request(script, "?a")->url, "/cgi-bin/p?a");
  EXPECT_EQ(resolve_request(script, "/cgi-bin/p/b?a")->url, "/cgi-bin/p/b?a");
  const auto resolved = resolve_request(script, "http://name:99?a");
  EXPECT_EQ(resolved->host, "name:99");
  EXPECT_EQ(resolved->url, "/cgi-bin/p?a");
  EXPECT_EQ(resolve_request(script, "https://name/cgi-bin/p")->url, "https://name/cgi-bin/p");
}

TEST_F(ResolvedRequestTest, NamesTheUrlWhereAnotherOneIsGiven) {
  EXPECT_EQ(error(resolve_request(script, "/p")),
            "/p does not lead to " + script + "; its URL is /cgi-bin/p");
}

TEST_F(ResolvedRequestTest, SaysThatAFileComesBeforeTheUrl) {
  EXPECT_EQ(
      error(resolve_request("http://localhost/cgi-bin/none?a=1", "")),
      "http://localhost/cgi-bin/none?a=1 is a URL; give the file first: cgisrv exec FILE URL");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  EXPECT_EQ(error(resolve_request("http://localhost:8888/cgi-bin/p", "")),
            "http://localhost:8888/cgi-bin/p is a URL; give the file first: cgisrv exec cgi-bin/p");
  EXPECT_EQ(error(resolve_request("/cgi-bin/p?a", "")),
            "/cgi-bin/p?a is no file, but may be the path of a URL; give the file first: cgisrv "
            "exec cgi-bin/p");
  std::filesystem::current_path(before);
  EXPECT_THAT(error(resolve_request("/cgi-bin/none", "")), HasSubstr("No such file"));
}

TEST_F(ResolvedRequestTest, OfALinkIsTheLinks) {
  const auto link = directory.path() + "/cgi-bin/link";
  ASSERT_EQ(::symlink(script.c_str(), link.c_str()), 0);
  EXPECT_EQ(resolve_request(link, "")->url, "/cgi-bin/link");
}

TEST_F(ResolvedRequestTest, MayBeOneThatTheServerRefuses) {
  const auto plain = directory.file("cgi-bin/plain", 0644);
  EXPECT_EQ(resolve_request(plain, "")->url, "/cgi-bin/plain");
  EXPECT_EQ(resolve_request(script, "/cgi-bin/../../p")->url, "/cgi-bin/../../p");
}

TEST_F(ResolvedRequestTest, IsNoneForAFileThatIsSent) {
  const auto resolved = resolve_request(directory.file("p.py", 0755), "");
  EXPECT_THAT(error(resolved), HasSubstr("would be sent as a file"));
}

TEST_F(ResolvedRequestTest, IsNoneWhereTheUrlLeadsElsewhere) {
  directory.file("cgi-bin/other", 0755);
  const auto resolved = resolve_request(script, "/cgi-bin/other");
  EXPECT_THAT(error(resolved), HasSubstr("but to " + directory.path() + "/cgi-bin/other"));
  EXPECT_EQ(resolved.error().code, EINVAL);
}

TEST_F(ResolvedRequestTest, IsByTheListenerAsAClientHereFindsIt) {
  const auto address = [&](std::string_view listen) {
    const auto resolved =
        by(fmt::format("[[listen]]\naddress = \"{}\"\n{}", listen, cgi_bin), script, "");
    return resolved ? resolved->address.text() + " " + resolved->host : error(resolved);
  };
  EXPECT_EQ(address("127.0.0.1:81"), "127.0.0.1:81 127.0.0.1:81");
  EXPECT_EQ(address(":82"), "127.0.0.1:82 127.0.0.1:82");
  EXPECT_EQ(address("[::1]:83"), "[::1]:83 [::1]:83");
  EXPECT_EQ(address("127.0.0.1:0"), "127.0.0.1:8888 127.0.0.1:8888");
  EXPECT_EQ(address("unix:/run/x"), "unix:/run/x localhost");
}

TEST_F(ResolvedRequestTest, OfASiteNeedsItsName) {
  const TemporaryDirectory other;
  const std::string first = fmt::format("[[site]]\nroot = \"{}\"\n", other.path());
  const auto resolved = [&](std::string_view names) {
    const auto named = cgi_bin + "";
    const auto at = named.find("root");
    const auto found = by(
        first + named.substr(0, at) + fmt::format("server_name = {}\n", names) + named.substr(at),
        script, "");
    return found ? found->host : error(found);
  };
  EXPECT_EQ(resolved("[\"a.example\", \"b.example\"]"), "a.example:8888");
  EXPECT_EQ(resolved("[\"*.example\"]"), "www.example:8888");
}

TEST_F(ResolvedRequestTest, OfNoLocationIsSaid) {
  const auto resolved = by(site(), script, "");
  EXPECT_THAT(error(resolved), HasSubstr("no location of " + directory.path() + "/c.toml runs"));
}

}  // namespace
}  // namespace cgisrv::exec
