// What `cgisrv check --explain` says of rules beside the one that answers.
#include "site/explain.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"
#include "config/config.h"

namespace cgisrv::site {
namespace {

using testing::HasSubstr;
using testing::Not;

class Explain : public testing::Test {
 protected:
  Explain() {
    tree.file("passwords", 0640, "alice:{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=\n");
    tree.file("www/staff/page");
    tree.file("www/login.html");
    tree.file("www/missing.html");
    tree.file("www/nph-x.cgi", 0755);
  }
  // Of a site whose keys begin on line 3; without the name of the file before each line.
  std::string explained(const std::string& keys, const std::string& url,
                        std::string_view client = {}, std::string_view method = {}) const {
    const std::string file = tree.path() + "/test.toml";
    const auto config = config::parse_config("[[site]]\nroot = 'www'\n" + keys, file);
    if (!config) return config.error().front().text();
    const auto peer = access::Peer::parse(client);
    std::string text = explain(*config, url, peer.value_or(administrator_of(*config)), method);
    for (auto at = text.find(file); at != text.npos; at = text.find(file, at))
      text.erase(at, file.size() + 1);
    return text;
  }

  TemporaryDirectory tree;
};

TEST_F(Explain, SaysThatARequestInTheClearIsSentOn) {
  const std::string key = "redirect_to_https = true\n";
  EXPECT_THAT(explained(key, "http://a/login.html"), HasSubstr("is sent to https first"));
  EXPECT_THAT(explained(key, "https://a/login.html"), Not(HasSubstr("https first")));
  EXPECT_THAT(explained("", "http://a/login.html"), Not(HasSubstr("https first")));
}

constexpr auto keys = R"(allow = ["local"]
headers = { "X-A" = "1", "X-B" = false }
error_pages = { 401 = "/login.html", 404 = "/missing.html", 405 = "/login.html" }
[[site.location]]
match = "/staff/"
allow = ["192.0.2.0/24", "local"]
auth = { passwords = "passwords", realm = "Staff" }
headers = { "X-A" = { add = "2" } }
[[site.location]]
match = "/far/"
allow = ["192.0.2.0/24"]
error_pages = { 403 = "/nph-x.cgi" }
[[site.location]]
match = "*.cgi"
cgi = true
)";

TEST_F(Explain, AsksAsAClientOfAListenerThatThereIs) {
  const std::string allow = "allow = [\"127.0.0.1\"]\n";
  EXPECT_THAT(explained(allow, "/login.html"), HasSubstr("sends "));
  EXPECT_THAT(explained(allow + "[[listen]]\naddress = \"unix:/run/x.sock\"\n", "/login.html"),
              HasSubstr("a client on a unix socket is not let in by allow"));
}

TEST_F(Explain, SaysWhatAWebServerMayName) {
  const std::string site =
      "[[site.location]]\nmatch = \"*.cgi\"\ncgi = true\n"
      "[[site.location]]\nmatch = \"/one/\"\ncgi = \"nph-x.cgi\"\n";
  const std::string listener = "[[listen]]\naddress = \"unix:/run/x\"\nprotocol = \"fastcgi\"\n";
  const std::string named = "at unix:/run/x a web server names the program (SCRIPT_FILENAME): one ";
  const std::string program = "  " + tree.path() + "/www/nph-x.cgi is ";
  const std::string any = explained(site + listener, "/nph-x.cgi");
  EXPECT_THAT(any, HasSubstr("\n10: " + named + "that a location of this site runs\n" + program +
                             "such a one\n"));
  const std::string some = site + listener + "programs = [\"www/staff\"]\n";
  EXPECT_THAT(explained(some, "/nph-x.cgi"),
              HasSubstr("\n12: " + named + "of programs = [\"" + tree.path() +
                        "/www/staff\"], or of a location with cgi = \"PATH\"\n" + program +
                        "none of these: 403 if it is named\n"));
  EXPECT_THAT(explained(some, "/one/"), HasSubstr(program + "such a one\n"));
  EXPECT_THAT(explained(site + listener + "programs = [\"www\"]\n", "/nph-x.cgi"),
              HasSubstr(program + "such a one\n"));
  EXPECT_THAT(explained(some, "/login.html"), HasSubstr("\n12: " + named));
  EXPECT_THAT(explained(site, "/nph-x.cgi"), Not(HasSubstr("web server")));
}

TEST_F(Explain, SaysWhichKeysOfCgiAreSetAndWhere) {
  const std::string site =
      "[[site.location]]\nmatch = \"*.cgi\"\ncgi = true\n"
      "timeout = \"9s\"\nqueue = { retry_after = \"2m\" }\n";
  const std::string all =
      "[cgi]\numask = \"027\"\ntimeout = \"10m\"\n[cgi.queue]\nsize = 5\nretry_after = \"3m\"\n";
  const std::string said = explained(site + all, "/nph-x.cgi");
  EXPECT_THAT(said, HasSubstr("\n12:   queue.size = 5\n"));
  EXPECT_THAT(said, HasSubstr("\n7:   queue.retry_after = \"2m\"\n"));
  EXPECT_THAT(said, HasSubstr("\n6:   timeout = \"9s\"\n"));
  EXPECT_THAT(said, HasSubstr("\n9:   umask = \"027\"\n"));
  EXPECT_THAT(said, Not(HasSubstr("grace"))) << "has its default";
  EXPECT_THAT(explained(site + all, "/login.html"), Not(HasSubstr("timeout")));
}

TEST_F(Explain, SaysHowAPathBegins) {
  EXPECT_THAT(explained("", "/a/../../b"), HasSubstr("400: the path /a/../../b is broken"));
}

TEST(WhyNoUrl, SaysWhatToWrite) {
  config::Config config{.sites = {{.server_name = {"intranet"}, .root = "/srv"}}};
  for (const char* const url : {"/", "/a.b", "?a=1", "http://a/b", "https://a"})
    EXPECT_EQ(why_no_url(config, url), "") << url;
  EXPECT_EQ(why_no_url(config, "private"), "private is no URL; write /private");
  EXPECT_EQ(why_no_url(config, "a/b.c"), "a/b.c is no URL; write /a/b.c");
  for (const std::string url : {"www.example.org/pub/", "intranet/a", "localhost:8080/a"})
    EXPECT_THAT(why_no_url(config, url), HasSubstr("write http://" + url + ", or /" + url));
  EXPECT_EQ(why_no_url(config, "ftp://a/b"),
            "ftp://a/b is no URL of this server; write http://a/b");
}

TEST_F(Explain, SendsTheQueryAlongWithARedirect) {
  const std::string moved = "[[site.location]]\nmatch = '/old/'\nredirect = ";
  EXPECT_THAT(explained(moved + "'/new/'\n", "http://a/old/a?b=1#c"), HasSubstr("to /new/a?b=1,"));
  EXPECT_THAT(explained(moved + "'/new/?x'\n", "/old/a?b=1"), HasSubstr("to /new/?x,"));
  EXPECT_THAT(explained("", "/staff?b=1"), HasSubstr("301 to /staff/?b=1;"));
}

TEST_F(Explain, NamesRulesOfAccessAndChangedFields) {
  EXPECT_EQ(explained(keys, "/staff/page"),
            "/staff/page\n"
            "1: the first site answers, as the URL has no host\n"
            "7: /staff/page: location /staff/ answers: it is the longest prefix, and nothing else "
            "matches\n"
            "8:   allow = [\"192.0.2.0/24\", \"local\"] of location /staff/ is asked\n"
            "9: a password is asked for first: realm \"Staff\", by auth of location /staff/\n"
            "sends " +
                tree.path() +
                "/www/staff/page\n"
                "  methods: GET, HEAD and OPTIONS; others are 405\n"
                "5:   401 is answered by the page /login.html\n"
                "4:   header X-A: 1 is set\n"
                "4:   header X-B is removed\n"
                "10:   header X-A: 2 is added\n");
}

TEST_F(Explain, AsksAsAnyClient) {
  const auto near = explained(keys, "/staff/page", "192.0.2.7");
  EXPECT_THAT(near, HasSubstr("9: a password is asked for first: realm \"Staff\""));
  const auto far = explained(keys, "/staff/page", "198.51.100.7");
  EXPECT_THAT(far, HasSubstr("403: 198.51.100.7 is not let in by allow = [\"192.0.2.0/24\", "
                             "\"local\"] of location /staff/ (8)\n"));
  EXPECT_THAT(explained(keys, "/login.html", "unix"), HasSubstr("sends "));
  EXPECT_THAT(explained(keys, "/login.html", "::1"), HasSubstr("sends "));
}

TEST_F(Explain, SaysWhoIsAskedForAPassword) {
  const std::string rule =
      "auth = { passwords = 'passwords', open_to = ['192.0.2.0/24'], "
      "open_methods = ['GET', 'OPTIONS'] }\n";
  EXPECT_THAT(
      explained(rule, "/login.html", "192.0.2.7"),
      HasSubstr("3: no password is asked for: open_to = [\"192.0.2.0/24\"] in auth of site " +
                tree.path() + "/www has 192.0.2.7\n"));
  EXPECT_THAT(explained(rule, "/login.html"),
              HasSubstr("3: a password is asked for first, but not for GET and OPTIONS: realm "
                        "\"Restricted\", by auth of site "));
  EXPECT_THAT(explained(rule, "/login.html", "", "HEAD"),
              HasSubstr("3: no password is asked for: open_methods in auth of site " + tree.path() +
                        "/www has GET and OPTIONS\n"));
  EXPECT_THAT(explained(rule, "/login.html", "", "POST"),
              HasSubstr("3: a password is asked for first: realm"));
}

TEST_F(Explain, NamesThePageThatAnswersARefusal) {
  const auto missing = explained(keys, "/staff/none");
  EXPECT_THAT(missing, HasSubstr("5:   404 is answered by the page /missing.html\n"));
  EXPECT_THAT(missing, HasSubstr("4:   header X-A: 1 is set\n"));
  EXPECT_THAT(missing, Not(HasSubstr("X-A: 2"))) << "the page is of no location";
  const auto refused = explained(keys, "/far/x");
  EXPECT_THAT(refused, HasSubstr("13:   allow = [\"192.0.2.0/24\"] of location /far/ is asked\n"));
  EXPECT_THAT(refused, HasSubstr("403: 127.0.0.1 is not let in by allow"));
  EXPECT_THAT(refused, HasSubstr("14:   403 would be answered by the page /nph-x.cgi, but "
                                 "/nph-x.cgi writes a status of its own"));
}

TEST_F(Explain, SaysWhatIsCompressedAndWhatStandsBesideAFile) {
  tree.file("www/staff/page.gz");
  const std::string on = "compress = true\n";
  const std::string page = tree.path() + "/www/staff/page";
  const auto text = explained(on, "/staff/page");
  EXPECT_THAT(text, HasSubstr("3:   is compressed for clients that take it"));
  EXPECT_THAT(text, HasSubstr("  " + page + ".gz is there for those that take gzip\n"));
  EXPECT_THAT(text, Not(HasSubstr("page.br")));
  const std::string below = "[[site.location]]\nmatch = \"/staff/\"\ncompress = ";
  EXPECT_THAT(explained(below + "true\n", "/staff/page"), HasSubstr("5:   is compressed"));
  EXPECT_THAT(explained(on + below + "false\n", "/staff/page"), Not(HasSubstr("compressed")));
}

TEST_F(Explain, NamesARuleOfTheSiteOnce) {
  tree.file("www/index.html");
  const auto text = explained(keys, "/");
  const std::string line = "3:   allow = [\"local\"] of site " + tree.path() + "/www is asked\n";
  const auto first = text.find(line);
  EXPECT_NE(first, text.npos) << text;
  EXPECT_EQ(text.find(line, first + 1), text.npos) << text;
}

}  // namespace
}  // namespace cgisrv::site
