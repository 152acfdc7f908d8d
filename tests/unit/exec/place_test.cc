#include "exec/place.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"

namespace cgisrv::exec {
namespace {

using testing::HasSubstr;

class PlaceTest : public testing::Test {
 protected:
  Result<Place> by(const std::string& toml, const std::string& script, const std::string& url) {
    auto config = server::parse_config(toml, directory.path() + "/c.toml");
    EXPECT_TRUE(config) << config.error().front().text();
    return find_place(std::move(*config), script, url);
  }
  std::string site(std::string_view more = "") {
    return fmt::format("[[site]]\nroot = \"{}\"\n{}", directory.path(), more);
  }
  std::string error(const Result<Place>& place) { return place ? "" : place.error().what; }

  TemporaryDirectory directory;
  std::string script = directory.file("cgi-bin/p", 0755);
  std::string cgi_bin = site("[[site.location]]\nmatch = \"/cgi-bin/\"\ncgi = true\n");
};

TEST_F(PlaceTest, OfCgiBinIsWhatHoldsIt) {
  const auto place = find_place(script, "");
  ASSERT_TRUE(place) << error(place);
  EXPECT_EQ(place->config.sites.front().root, directory.path());
  EXPECT_EQ(place->url, "/cgi-bin/p");
  EXPECT_EQ(place->host, "127.0.0.1:8888");
}

TEST_F(PlaceTest, TakesWhatTheUrlSays) {
  EXPECT_EQ(find_place(script, "?a")->url, "/cgi-bin/p?a");
  EXPECT_EQ(find_place(script, "/cgi-bin/p/b?a")->url, "/cgi-bin/p/b?a");
  const auto place = find_place(script, "http://name:99?a");
  EXPECT_EQ(place->host, "name:99");
  EXPECT_EQ(place->url, "/cgi-bin/p?a");
  EXPECT_EQ(find_place(script, "https://name/cgi-bin/p")->url, "https://name/cgi-bin/p");
}

TEST_F(PlaceTest, OfALinkIsTheLinks) {
  const auto link = directory.path() + "/cgi-bin/link";
  ASSERT_EQ(::symlink(script.c_str(), link.c_str()), 0);
  EXPECT_EQ(find_place(link, "")->url, "/cgi-bin/link");
}

TEST_F(PlaceTest, MayBeOneThatTheServerRefuses) {
  const auto plain = directory.file("cgi-bin/plain", 0644);
  EXPECT_EQ(find_place(plain, "")->url, "/cgi-bin/plain");
  EXPECT_EQ(find_place(script, "/cgi-bin/../../p")->url, "/cgi-bin/../../p");
}

TEST_F(PlaceTest, IsNoneForAFileThatIsSent) {
  const auto place = find_place(directory.file("p.py", 0755), "");
  EXPECT_THAT(error(place), HasSubstr("would be sent as a file"));
}

TEST_F(PlaceTest, IsNoneWhereTheUrlLeadsElsewhere) {
  directory.file("cgi-bin/other", 0755);
  const auto place = find_place(script, "/cgi-bin/other");
  EXPECT_THAT(error(place), HasSubstr("but to " + directory.path() + "/cgi-bin/other"));
  EXPECT_EQ(place.error().code, EINVAL);
}

TEST_F(PlaceTest, IsByTheListenerAsAClientHereFindsIt) {
  const auto address = [&](std::string_view listen) {
    const auto place =
        by(fmt::format("[[listen]]\naddress = \"{}\"\n{}", listen, cgi_bin), script, "");
    return place ? place->address.text() + " " + place->host : error(place);
  };
  EXPECT_EQ(address("127.0.0.1:81"), "127.0.0.1:81 127.0.0.1:81");
  EXPECT_EQ(address(":82"), "127.0.0.1:82 127.0.0.1:82");
  EXPECT_EQ(address("[::1]:83"), "[::1]:83 [::1]:83");
  EXPECT_EQ(address("127.0.0.1:0"), "127.0.0.1:8888 127.0.0.1:8888");
  EXPECT_EQ(address("unix:/run/x"), "unix:/run/x localhost");
}

TEST_F(PlaceTest, OfASiteNeedsItsName) {
  const TemporaryDirectory other;
  const std::string first = fmt::format("[[site]]\nroot = \"{}\"\n", other.path());
  const auto place = [&](std::string_view names) {
    const auto named = cgi_bin + "";
    const auto at = named.find("root");
    const auto found = by(
        first + named.substr(0, at) + fmt::format("server_name = {}\n", names) + named.substr(at),
        script, "");
    return found ? found->host : error(found);
  };
  EXPECT_EQ(place("[\"a.example\", \"b.example\"]"), "a.example:8888");
  EXPECT_EQ(place("[\"*.example\"]"), "www.example:8888");
}

TEST_F(PlaceTest, OfNoLocationIsSaid) {
  const auto place = by(site(), script, "");
  EXPECT_THAT(error(place), HasSubstr("no location of " + directory.path() + "/c.toml runs"));
}

}  // namespace
}  // namespace cgisrv::exec
