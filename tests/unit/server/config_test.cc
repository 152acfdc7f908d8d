#include "server/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "../temporary_directory.h"
#include "server/parameters.h"

namespace cgisrv::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

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
    return {};
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

// ---- defaults

TEST_F(ConfigTest, AnEmptyOneHasTheDefaultsOfTheStructs) {
  Config config = with_site("");
  ASSERT_EQ(config.sites.size(), 1);
  const std::pair<std::string_view, Part> parts[] = {
      {"[server]", &config.server},           {"[[listen]]", &config.listen.at(0)},
      {"[limits]", &config.limits},           {"[cgi]", &config.cgi},
      {"[cgi.rlimits]", &config.cgi.rlimits}, {"[log]", &config},
      {"[log.access]", &config.access_log},   {"[log.error]", &config}};
  for (const Section* section : sections()) {
    const auto* part = std::ranges::find(parts, section->name, [](auto& p) { return p.first; });
    if (part == std::end(parts)) continue;
    for (const Parameter& row : section->parameters)
      EXPECT_EQ(value_text(row, part->second), value_text(row, section->defaults())) << row.key;
  }
  EXPECT_EQ(config.listen.size(), 1);
  EXPECT_EQ(config.file, path("test.toml"));
  EXPECT_FALSE(config.show_failures);
  EXPECT_EQ(config.limits.header_size, 16384);
  EXPECT_EQ(config.sites[0].fallback.program, ProgramKind::none);
  EXPECT_EQ(config.sites[0].fallback.body_size, Limits{}.body_size);
  EXPECT_EQ(config.sites[0].fallback.cgi.timeout, CgiOptions{}.timeout);
}

TEST_F(ConfigTest, DefaultsAreInRange) {
  for (const Section* section : sections()) {
    if (section->name.starts_with("[[")) continue;
    for (const Parameter& row : section->parameters) {
      const std::string value = value_text(row, section->defaults());
      if (!value.empty()) with_site(fmt::format("{}\n{} = {}", section->name, row.key, value));
    }
  }
}

// ---- values

TEST_F(ConfigTest, ReadsTheServer) {
  const Config config = with_site(R"([server]
user = "root"
group = "root"
workers = 3
worker_connections = 100
worker_events = 50
dispatch = "least-busy"
shutdown_timeout = "unlimited"
heartbeat_timeout = "1m"
pid_file = "run/pid"
[[listen]]
address = ":80"
[[listen]]
address = "unix:/run/x.sock")");
  EXPECT_EQ(config.server.user, "root");
  EXPECT_EQ(config.server.group, "root");
  EXPECT_EQ(config.server.workers, 3);
  EXPECT_EQ(config.server.worker_connections, 100);
  EXPECT_EQ(config.server.worker_events, 50);
  EXPECT_EQ(config.server.dispatch, Dispatch::least_busy);
  EXPECT_EQ(config.server.shutdown_timeout, duration_unlimited);
  EXPECT_EQ(config.server.heartbeat_timeout, std::chrono::minutes(1));
  EXPECT_EQ(config.server.pid_file, path("run/pid"));
  ASSERT_EQ(config.listen.size(), 2);
  EXPECT_EQ(config.listen[1].address, "unix:/run/x.sock");
}

TEST_F(ConfigTest, ReadsLimitsAndLogs) {
  const Config config = with_site(R"(
limits = { header_size = "32k", body_size = "unlimited", header_fields = 50, target_size = 4096 }
log = { access = { path = "/var/log/a", format = "json" }, error = "e.log" })");
  EXPECT_EQ(config.limits.header_size, 32768);
  EXPECT_EQ(config.limits.target_size, 4096);
  EXPECT_EQ(config.limits.header_fields, 50);
  EXPECT_EQ(config.limits.body_size, bytes_unlimited);
  EXPECT_EQ(config.access_log.path, "/var/log/a");
  EXPECT_EQ(config.access_log.format, "json");
  EXPECT_EQ(config.error_log, path("e.log"));
  EXPECT_EQ(config.log_level, "info");
  EXPECT_EQ(with_site("[log]\naccess = 'off'").access_log.path, "off");
  EXPECT_EQ(with_site("[log]\nerror = { level = 'warn' }").log_level, "warn");
}

TEST_F(ConfigTest, SitesHaveNamesRootsAndIndexes) {
  const Config config = good(R"([[site]]
server_name = ["Example.ORG", "*.example.org", "[::1]"]
root = "www/../www/"
index = []
listing = true
[[site]]
server_name = ["b"]
root = ")" + path("www/old") +
                             "\"");
  EXPECT_THAT(config.sites[0].server_name, ElementsAre("example.org", "*.example.org", "[::1]"));
  EXPECT_EQ(config.sites[0].root, path("www"));
  EXPECT_THAT(config.sites[0].index, IsEmpty());
  EXPECT_TRUE(config.sites[0].listing);
  EXPECT_EQ(config.sites[1].root, path("www/old"));
}

TEST_F(ConfigTest, LocationsInheritAndOverride) {
  const Config config = good(R"([[site]]
root = "www"
[[site.location]]
match = "/a/"
timeout = "1s"
body_size = 5
env = { B = "location", C = "3" }
rlimits = { cpu = "1500ms", core = "unlimited" }
[cgi]
timeout = "2m"
grace = "1s"
chunked = "stream"
headerless = "text/plain"
authorization = true
env = { Z = "1", B = "cgi" }
rlimits = { cpu = "60s", nofile = 64, as = "1g" }
[limits]
body_size = "1k")");
  const Location& fallback = config.sites[0].fallback;
  EXPECT_EQ(fallback.body_size, 1024);
  EXPECT_EQ(fallback.cgi.timeout, std::chrono::minutes(2));
  EXPECT_THAT(fallback.cgi.env, ElementsAre(Pair("Z", "1"), Pair("B", "cgi")));
  const Location& location = config.sites[0].locations[0];
  EXPECT_EQ(location.body_size, 5);
  EXPECT_EQ(location.cgi.timeout, std::chrono::seconds(1));
  EXPECT_EQ(location.cgi.grace, std::chrono::seconds(1));
  EXPECT_EQ(location.cgi.chunked, ChunkedBody::stream);
  EXPECT_EQ(location.cgi.headerless, "text/plain");
  EXPECT_TRUE(location.cgi.authorization);
  EXPECT_THAT(location.cgi.env, ElementsAre(Pair("Z", "1"), Pair("B", "location"), Pair("C", "3")));
  EXPECT_EQ(location.cgi.rlimits.cpu_seconds, 2) << "whole seconds, rounded up";
  EXPECT_EQ(location.cgi.rlimits.open_files, 64);
  EXPECT_EQ(location.cgi.rlimits.address_space, 1ULL << 30);
  EXPECT_EQ(location.cgi.rlimits.core, bytes_unlimited);
  EXPECT_EQ(location.cgi.rlimits.processes, std::nullopt);
}

TEST_F(ConfigTest, LocationsFindTheirPrograms) {
  Location found = with_location("match = '/cgi-bin/'\ncgi = true");
  EXPECT_EQ(found.program, ProgramKind::in_place);
  EXPECT_EQ(found.match.kind, MatchKind::prefix);
  found = with_location("match = '/old/'\ncgi = 'old/'");
  EXPECT_EQ(found.program, ProgramKind::directory);
  EXPECT_EQ(found.path, path("www/old"));
  EXPECT_EQ(with_location("match = '/old/'\ncgi = 'old'").program, ProgramKind::directory);
  found = with_location("match = '=/git'\ncgi = '" + path("www/prog") + "'");
  EXPECT_EQ(found.program, ProgramKind::single);
  EXPECT_EQ(found.path, path("www/prog"));
  EXPECT_EQ(found.match.kind, MatchKind::exact);
  EXPECT_EQ(found.match.text, "/git");
  found = with_location("match = '*.sh'\ninterpreter = '/bin/sh'");
  EXPECT_EQ(found.program, ProgramKind::in_place);
  EXPECT_EQ(found.interpreter, "/bin/sh");
  EXPECT_EQ(found.match.kind, MatchKind::extension);
  EXPECT_EQ(found.match.text, ".sh");
  EXPECT_EQ(with_location("match = '/plain/'").program, ProgramKind::none);
  EXPECT_EQ(with_location("match = '/plain/'\ncgi = false").program, ProgramKind::none);
}

TEST_F(ConfigTest, TheExampleIsRight) {
  std::string text(example_configuration());
  // Its absolute paths, moved below the folder of the test.
  for (const std::string_view top : {"\"/srv/", "\"/usr/", "\"/var/"}) {
    for (auto at = text.find(top); at != std::string::npos; at = text.find(top, at + 1))
      text.insert(at + 1, files_.path());
  }
  const auto user = text.find("www-data");
  ASSERT_NE(user, std::string::npos);
  text.replace(user, 8, "root");
  for (const auto* needed : {"srv/www", "srv/files", "usr/lib/cgi-bin"})
    files_.directory(needed);
  files_.file("usr/lib/git-core/git-http-backend", 0755);
  files_.file("usr/bin/python3", 0755);
  EXPECT_EQ(good(text).sites.size(), 2);
}

// ---- faults

TEST_F(ConfigTest, NamesTheFileThatCannotBeRead) {
  const auto missing = load_config(path("none.toml"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().at(0).text(), path("none.toml: cannot read the configuration: "
                                               "No such file or directory"));
  EXPECT_FALSE(load_config(files_.path())) << "a directory";
  EXPECT_THAT(load_config(files_.file("empty.toml", 0644, "")).error().at(0).message,
              HasSubstr("no [[site]]"));
}

TEST_F(ConfigTest, SaysWhereTheTextIsNotToml) {
  EXPECT_THAT(faults("[server]\nuser = \n"), ElementsAre(HasSubstr("2:")));
  EXPECT_THAT(faults("[server]\nuser = 'a'\nuser = 'b'\n"), ElementsAre(HasSubstr("not TOML: ")));
}

TEST_F(ConfigTest, SuggestsKeys) {
  EXPECT_THAT(faults_before_site("[server]\nwokers = 3"),
              ElementsAre("2:1: unknown key 'wokers' in [server]; did you mean 'workers'?"));
  EXPECT_THAT(
      faults_before_site("[server]\n  body_size = 3"),
      ElementsAre("2:3: 'body_size' belongs in [limits] or [[site.location]], not in [server]"));
  EXPECT_THAT(faults_before_site("[[listen]]\ncolour = 3"),
              ElementsAre("2:1: unknown key 'colour' in [[listen]]; its keys are address"));
  EXPECT_THAT(faults_before_site("[limit]"),
              ElementsAre("1:2: unknown key 'limit' in the file; did you mean 'limits'?"));
  EXPECT_THAT(faults_before_site("[[location]]"),
              ElementsAre("1:3: 'location' belongs in [[site]], not in the file"));
  EXPECT_THAT(faults_before_site("[cgi]\nrlimits = { nofiles = 3 }"),
              ElementsAre(HasSubstr("'nofiles' in [cgi.rlimits]; did you mean 'nofile'?")));
  EXPECT_THAT(location_faults("match = '/'\nidle_timout = '1s'"),
              ElementsAre(HasSubstr("did you mean 'idle_timeout'?")));
}

TEST_F(ConfigTest, SuggestsChoices) {
  EXPECT_THAT(faults_before_site("[server]\ndispatch = 'round_robin'"),
              ElementsAre("2:12: 'dispatch' must be one of \"round-robin\", \"least-busy\", "
                          "\"kernel\"; it is \"round_robin\"; did you mean \"round-robin\"?"));
  EXPECT_THAT(faults_before_site("[log]\nerror = { level = 'loud' }"),
              ElementsAre(HasSubstr("'level' must be one of \"debug\", ")));
}

TEST_F(ConfigTest, ChecksTypesAndRanges) {
  EXPECT_THAT(faults_before_site("[server]\nworkers = 0"),
              ElementsAre("2:11: 'workers' must be a whole number: 1 to 256 processes, \"auto\"; "
                          "it is 0"));
  EXPECT_THAT(faults_before_site("[server]\nworkers = -1"), ElementsAre(HasSubstr("it is -1")));
  EXPECT_THAT(faults_before_site("[server]\nworkers = 1.5"),
              ElementsAre(HasSubstr("it is a number with a fraction")));
  EXPECT_THAT(faults_before_site("[limits]\nheader_timeout = 10"),
              ElementsAre(HasSubstr("must be a duration such as \"10s\": \"100ms\" to \"1d\"")));
  EXPECT_THAT(faults_before_site("[limits]\nheader_size = '2m'"),
              ElementsAre(HasSubstr("\"1k\" to \"1m\"; it is \"2m\"")));
  EXPECT_THAT(faults_before_site("[limits]\nheader_size = 'unlimited'"),
              ElementsAre(HasSubstr("'header_size' must be")));
  EXPECT_THAT(faults_before_site("[cgi]\nauthorization = 'yes'"),
              ElementsAre(HasSubstr("must be true or false; it is \"yes\"")));
  EXPECT_THAT(faults_before_site("[cgi]\nenv = { A = 1 }"),
              ElementsAre("2:13: 'env' must be a table of texts, such as { NAME = \"value\" }; "
                          "it is 1"));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nindex = 'a'"),
              ElementsAre(HasSubstr("must be a list of texts")));
  EXPECT_THAT(faults("[[site]]\nroot = ''"), ElementsAre(HasSubstr("must be a path")));
}

TEST_F(ConfigTest, ChecksBrackets) {
  EXPECT_THAT(faults("[site]\nroot = 'www'"),
              ElementsAre("1:1: [[site]] may stand several times: write it with two brackets"));
  EXPECT_THAT(faults_before_site("[[server]]"),
              ElementsAre(HasSubstr("'server' may stand once only")));
  EXPECT_THAT(faults_before_site("limits = 3"),
              ElementsAre("1:10: 'limits' must be a table; it is 3"));
}

TEST_F(ConfigTest, ChecksTexts) {
  EXPECT_THAT(faults_before_site("[server]\nuser = 'no such user'"),
              ElementsAre("2:8: 'user': there is no user \"no such user\"; create the account or "
                          "name another"));
  EXPECT_THAT(faults_before_site("[server]\ngroup = 'no such group'"),
              ElementsAre(HasSubstr("there is no group")));
  EXPECT_THAT(faults_before_site("[[listen]]\naddress = 'localhorst:80'"),
              ElementsAre(HasSubstr("2:11: 'address': localhorst:80")));
  EXPECT_THAT(faults_before_site("[cgi]\nheaderless = 'text'"),
              ElementsAre(HasSubstr("write a media type")));
  EXPECT_THAT(faults_before_site("[cgi]\nheaderless = \"text/html\\r\\nX: y\""),
              ElementsAre(HasSubstr("may not hold control characters")));
  EXPECT_THAT(faults_before_site("[cgi]\nenv = { 'A=B' = '1', 'é' = '' }"),
              ElementsAre(HasSubstr("2:9: 'env': the name of a variable"), HasSubstr("2:22:")));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nserver_name = ['http://x', '*.', 'a:80', 'a*']"),
              ElementsAre(HasSubstr("3:16: "), HasSubstr("3:28: "), HasSubstr("3:34: "),
                          HasSubstr("3:42: ")));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nindex = ['a/b', '.x']"),
              ElementsAre(HasSubstr("a/b is no name"), HasSubstr(".x is no name")));
}

TEST_F(ConfigTest, ChecksRoots) {
  EXPECT_THAT(faults("[server]"), ElementsAre(HasSubstr("there is no [[site]]")));
  EXPECT_THAT(faults("site = []"), ElementsAre(HasSubstr("there is no [[site]]")));
  EXPECT_THAT(faults("\n[[site]]"),
              ElementsAre("2:1: [[site]] needs 'root'; it must be a path in quotes"));
  EXPECT_THAT(faults("[[site]]\nroot = 'none'"),
              ElementsAre(HasSubstr("does not exist; create it or correct the path")));
  EXPECT_THAT(faults("[[site]]\nroot = 'www/text'"), ElementsAre(HasSubstr("not a directory")));
  EXPECT_THAT(faults("[[site]]\nroot = '/'"), ElementsAre(HasSubstr("the whole machine")));
}

TEST_F(ConfigTest, ChecksMatches) {
  EXPECT_THAT(location_faults("cgi = true"),
              ElementsAre(HasSubstr("3:1: [[site.location]] needs 'match'")));
  EXPECT_THAT(location_faults("match = '/cgi-bin'"),
              ElementsAre("4:9: 'match' is \"/cgi-bin\"; write \"/cgi-bin/\" for everything below, "
                          "or \"=/cgi-bin\" for that path alone"));
  for (const std::string bad : {"", "x/", "*", "*.", "*.a/b", "*.a*", "=x", "=", "//", "/a/../b/"})
    EXPECT_THAT(location_faults("match = '" + bad + "'"),
                ElementsAre(HasSubstr("write \"/prefix/\", \"=/exact\" or \"*.ext\"")))
        << bad;
}

TEST_F(ConfigTest, ChecksPrograms) {
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = 'none'"),
              ElementsAre(HasSubstr("5:7: 'cgi': " + path("www/none does not exist"))));
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = 'none/'"), ElementsAre(HasSubstr("5:7: ")));
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = 'prog/'"),
              ElementsAre(HasSubstr("is not a directory")));
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = 'text'"),
              ElementsAre(HasSubstr("may not be executed; try chmod +x")));
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = 1"), ElementsAre(HasSubstr("it is 1")));
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = ''"), ElementsAre(HasSubstr("it is \"\"")));
  EXPECT_THAT(location_faults("match = '*.a'\ncgi = 'prog'"),
              ElementsAre(HasSubstr("which an ending cannot lead to")));
  EXPECT_THAT(location_faults("match = '=/a'\ncgi = 'old/'"),
              ElementsAre(HasSubstr("match a prefix such as \"/a/\"")));
  EXPECT_THAT(location_faults("match = '*.a'\ninterpreter = 'sh'"),
              ElementsAre(HasSubstr("write the absolute path of the program, not sh")));
  EXPECT_THAT(location_faults("match = '*.a'\ninterpreter = '/none'"),
              ElementsAre(HasSubstr("/none does not exist")));
  EXPECT_THAT(location_faults("match = '*.a'\ninterpreter = '/bin/sh'\ncgi = 'old/'"),
              ElementsAre(HasSubstr("but 'cgi' is \"old/\"; remove one of the two")));
  EXPECT_THAT(location_faults("match = '*.a'\ninterpreter = '/bin/sh'\ncgi = false"),
              ElementsAre(HasSubstr("but 'cgi' is false")));
}

TEST_F(ConfigTest, FindsWhatStandsTwice) {
  EXPECT_THAT(location_faults("match = '/a/'\n[[site.location]]\nmatch = '/a/'"),
              ElementsAre("6:9: 'match': \"/a/\" stands on line 4 already; remove one"));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nserver_name = ['a']\n[[site]]\nroot = 'www'\n"
                     "server_name = ['b', 'A']"),
              ElementsAre("6:21: 'server_name': a stands on line 3 already; remove one"));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\n[[site]]\nroot = 'www'"),
              ElementsAre(HasSubstr("3:1: only the first [[site]] answers for every host")));
}

TEST_F(ConfigTest, ReportsEveryFaultInTheOrderOfTheFile) {
  EXPECT_THAT(faults("[[site]]\nroot = 'none'\n[[site.location]]\nmatch = 'x'\ncgi = 'y'\n"
                     "[server]\nworkers = 0\ncolour = 1\n[cgi]\ngrace = 1"),
              ElementsAre(HasSubstr("2:8: "), HasSubstr("4:9: "), HasSubstr("5:7: "),
                          HasSubstr("7:11: "), HasSubstr("8:1: "), HasSubstr("10:9: ")));
}

// ---- directory mode

TEST_F(ConfigTest, ADirectoryIsServedWithItsPrograms) {
  std::filesystem::create_directory_symlink(path("www"), path("link"));
  const auto config = directory_config(path("link/"));
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_THAT(config->listen, IsEmpty());
  EXPECT_TRUE(config->show_failures);
  EXPECT_EQ(config->access_log.path, "stderr");
  ASSERT_EQ(config->sites.size(), 1);
  const Site& site = config->sites[0];
  EXPECT_EQ(site.root, path("www"));
  EXPECT_TRUE(site.listing);
  ASSERT_EQ(site.locations.size(), 2);
  EXPECT_EQ(site.locations[0].match.text, "/cgi-bin/");
  EXPECT_EQ(site.locations[1].match.text, ".cgi");
  for (const Location& location : site.locations) {
    EXPECT_EQ(location.program, ProgramKind::in_place);
    EXPECT_EQ(location.body_size, Limits{}.body_size);
    EXPECT_THAT(location.cgi.env, IsEmpty());
  }
}

TEST_F(ConfigTest, ADirectoryMustBeOne) {
  EXPECT_THAT(directory_config(path("none")).error().what,
              HasSubstr("name a directory that exists: No such file or directory"));
  EXPECT_THAT(directory_config(path("www/text")).error().what, HasSubstr("is not a directory"));
  EXPECT_THAT(directory_config("/").error().what, HasSubstr("the whole machine"));
}

}  // namespace
}  // namespace cgisrv::server
