#include <gmock/gmock.h>

#include <filesystem>

#include "config/parameters.h"
#include "config/reference.h"
#include "config/value_check.h"
#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// ---- defaults

TEST_F(ConfigTest, AnEmptyOneHasTheDefaultsOfTheStructs) {
  Config config = with_site("");
  ASSERT_EQ(config.sites.size(), 1);
  const std::pair<std::string_view, const void*> parts[] = {
      {"[server]", &config.server},
      {"[[listen]]", &config.listen.at(0)},
      {"[server.pressure]", &config.server.pressure},
      {"[admin]", &config.admin},
      {"[limits]", &config.limits},
      {"[cgi]", &config.cgi},
      {"[cgi.queue]", &config.cgi.queue},
      {"[cgi.rlimits]", &config.cgi.rlimits},
      {"[cgi.warm]", &config.cgi.warm},
      {"[log]", &config},
      {"[log.access]", &config.access_log},
      {"[log.error]", &config}};
  for (const Section* section : sections()) {
    const auto* part = std::ranges::find(parts, section->name, [](auto& p) { return p.first; });
    if (part == std::end(parts)) continue;
    for (const Parameter& row : section->parameters)
      EXPECT_TRUE(row.key == "user" ||  // which depends on who starts the server
                  row.format(part->second) == row.initial)
          << row.key;
  }
  EXPECT_EQ(config.listen.size(), 1);
  EXPECT_EQ(config.file, path("test.toml"));
  EXPECT_FALSE(config.show_failures);
  EXPECT_EQ(config.limits.header_size, 16384);
  EXPECT_EQ(config.sites[0].fallback.program, ProgramKind::none);
  EXPECT_EQ(config.sites[0].fallback.body_size, Limits{}.body_size);
  EXPECT_EQ(config.sites[0].fallback.cgi.timeout, CgiOptions{}.timeout);
}

TEST_F(ConfigTest, MaxRunningIsANumberOrIsFound) {
  using admission::MaxRunning;
  EXPECT_EQ(with_site("").cgi.max_running, (MaxRunning{256, true}));
  EXPECT_EQ(with_site("[cgi]\nmax_running = 64").cgi.max_running, (MaxRunning{64, false}));
  EXPECT_EQ(with_site("[cgi]\nmax_running = \"auto\"").cgi.max_running, MaxRunning{});
  EXPECT_EQ(with_site("[cgi]\nmax_running = \"auto up to 64\"").cgi.max_running,
            (MaxRunning{64, true}));
}

TEST_F(ConfigTest, DefaultsAreInRange) {
  for (const Section* section : sections()) {
    if (section->name.starts_with("[[") || section->name.starts_with("[site.")) continue;
    for (const Parameter& row : section->parameters) {
      if (!row.initial.empty())
        with_site(fmt::format("{}\n{} = {}", section->name, row.key, row.initial));
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
  EXPECT_EQ(config.error_log_format, "text");
  EXPECT_EQ(with_site("[log]\nerror = { format = 'json' }").error_log_format, "json");
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
  EXPECT_EQ(location.cgi.chunked, cgi::ChunkedBody::stream);
  EXPECT_EQ(location.cgi.headerless, "text/plain");
  EXPECT_TRUE(location.cgi.authorization);
  EXPECT_THAT(location.cgi.env, ElementsAre(Pair("Z", "1"), Pair("B", "location"), Pair("C", "3")));
  EXPECT_EQ(location.cgi.rlimits.cpu_seconds, 2) << "whole seconds, rounded up";
  EXPECT_EQ(location.cgi.rlimits.open_files, 64);
  EXPECT_EQ(location.cgi.rlimits.address_space, 1ULL << 30);
  EXPECT_EQ(location.cgi.rlimits.core, bytes_unlimited);
  EXPECT_EQ(location.cgi.rlimits.processes, std::nullopt);
}

TEST_F(ConfigTest, ReadsWhenTheRefusedAreToComeAgain) {
  const Config config = good(R"([[site]]
root = "www"
[[site.location]]
match = "/a/"
queue = { retry_after = "1500ms" }
[[site.location]]
match = "/b/"
queue = { size = 3 }
[cgi]
queue = { retry_after = "2m" })");
  EXPECT_EQ(config.sites[0].fallback.cgi.queue.retry_after_s, 120);
  EXPECT_EQ(config.sites[0].locations[0].cgi.queue.retry_after_s, 2) << "rounded up";
  EXPECT_EQ(config.sites[0].locations[1].cgi.queue.retry_after_s, 120) << "inherited";
  EXPECT_EQ(with_site("").cgi.queue.retry_after_s, std::nullopt);
}

TEST_F(ConfigTest, ReadsWhoIsLetIn) {
  const auto config = good(
      "[[site]]\nroot = 'www'\nallow = ['192.0.2.0/24', 'local']\n"
      "[[site.location]]\nmatch = '/a/'\nallow = []\n[[site.location]]\nmatch = '/b/'");
  const Site& site = config.sites.at(0);
  ASSERT_TRUE(site.access.allow);
  EXPECT_EQ(site.access.allow->text(), R"(["192.0.2.0/24", "local"])");
  ASSERT_TRUE(site.locations.at(0).access.allow) << "nobody";
  EXPECT_TRUE(site.locations.at(0).access.allow->empty());
  EXPECT_FALSE(site.locations.at(1).access.allow) << "nothing is said";
}

TEST_F(ConfigTest, ReadsWhichProxiesAreTrusted) {
  const auto config = good(
      "[server]\ntrusted_proxies = ['127.0.0.1', '10.0.0.0/8', 'unix']\n"
      "[[listen]]\naddress = ':80'\nproxy_protocol = true\nrequest_ids = true\n[[listen]]\naddress "
      "= ':81'\n"
      "[[site]]\nroot = 'www'\npublic_url = 'https://Example.org'");
  EXPECT_EQ(config.server.trusted_proxies.text(), R"(["127.0.0.1", "10.0.0.0/8", "unix"])");
  EXPECT_TRUE(config.listen.at(0).proxy_protocol);
  EXPECT_TRUE(config.listen.at(0).request_ids);
  EXPECT_FALSE(config.listen.at(1).proxy_protocol);
  const auto& url = config.sites.at(0).public_url;
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->https);
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(
      good("[[site]]\nroot = 'www'\npublic_url = 'http://[::1]:81/'").sites.at(0).public_url->port,
      81);
  EXPECT_TRUE(with_site("").server.trusted_proxies.empty());
}

TEST_F(ConfigTest, ReadsWhoHasAPassword) {
  files_.file("passwords", 0640, "alice:{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=\n");
  files_.file("groups", 0640, "staff: alice\n");
  const auto config = good(
      "[auth]\nremember = '1h'\nguesses = 'off'\nprocesses = 3\n"
      "[[site]]\nroot = 'www'\nauth = { passwords = 'passwords' }\n"
      "[[site.location]]\nmatch = '/a/'\n"
      "auth = { realm = 'Staff', passwords = 'passwords', users = ['bob', '@staff'], groups = "
      "'groups' }\n"
      "[[site.location]]\nmatch = '/b/'\nauth = false\n[[site.location]]\nmatch = '/c/'");
  EXPECT_EQ(config.auth.remember, std::chrono::hours(1));
  EXPECT_EQ(config.auth.guesses, 0U);
  EXPECT_EQ(config.auth.processes, 3U);
  const Site& site = config.sites.at(0);
  ASSERT_TRUE(site.access.auth);
  EXPECT_EQ(site.access.auth->passwords, path("passwords"));
  EXPECT_TRUE(site.access.auth->users.empty());
  const auto& staff = site.locations.at(0).access.auth;
  ASSERT_TRUE(staff);
  EXPECT_EQ(staff->realm, "Staff");
  EXPECT_EQ(staff->users, (std::vector<std::string>{"bob", "@staff"}));
  EXPECT_EQ(staff->number, 1U);
  EXPECT_TRUE(site.locations.at(1).access.auth->is_open);
  EXPECT_FALSE(site.locations.at(2).access.auth);
}

TEST_F(ConfigTest, ReadsWhatIsKeptWarmAndHow) {
  const Config config = good(R"([cgi]
start = "warm"
warm = { max_requests = 9, max_age = "2h", max_memory = "1g", preload = "all", finalize = "full" }
[[site]]
root = "www"
[[site.location]]
match = "/a/"
warm = { idle = "1s", preload = "none" }
[[site.location]]
match = "/b/"
start = "cold"
[[site.location]]
match = "/c/"
warm = { preload = ["json", "a_1.b", "Data::Dumper"] })");
  const WarmOptions& all = config.cgi.warm;
  EXPECT_TRUE(all.enabled);
  EXPECT_EQ(all.max_requests, 9);
  EXPECT_EQ(all.max_age, std::chrono::hours(2));
  EXPECT_EQ(all.idle, WarmOptions{}.idle);
  EXPECT_EQ(all.max_memory, 1ULL << 30);
  EXPECT_EQ(all.preload.imports, WarmOptions::Preload::Imports::all);
  EXPECT_EQ(all.finalize, WarmOptions::Finalize::full);
  const WarmOptions& a = config.sites[0].locations[0].cgi.warm;
  EXPECT_TRUE(a.enabled);
  EXPECT_EQ(a.max_requests, 9);
  EXPECT_EQ(a.idle, std::chrono::seconds(1));
  EXPECT_EQ(a.preload.imports, WarmOptions::Preload::Imports::none);
  EXPECT_FALSE(config.sites[0].locations[1].cgi.warm.enabled);
  const WarmOptions& c = config.sites[0].locations[2].cgi.warm;
  EXPECT_EQ(c.preload.imports, WarmOptions::Preload::Imports::standard);
  EXPECT_THAT(c.preload.modules, ElementsAre("json", "a_1.b", "Data::Dumper"));
  EXPECT_FALSE(with_location("match = '/a/'").cgi.warm.enabled) << "nobody asked for it";
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

TEST_F(ConfigTest, LocationsSayWhatTheyMatchAndWhereTheirFilesAre) {
  Location found = with_location("match = '/app/*.cgi'\ncgi = true");
  EXPECT_EQ(found.match.kind, MatchKind::prefix_ending);
  EXPECT_EQ(found.match.text, "/app/");
  EXPECT_EQ(found.match.ending, ".cgi");
  EXPECT_EQ(format_match(found.match), "/app/*.cgi");
  found = with_location("match = '/lib/'\ndeny = true");
  EXPECT_EQ(found.deny, Deny::forbidden);
  EXPECT_EQ(with_location("match = '/lib/'\ndeny = 'hide'").deny, Deny::hidden);
  EXPECT_EQ(with_location("match = '/lib/'\ndeny = false").deny, Deny::no);
  found = with_location("match = '/old/'\nfiles = 'www/old/'\nindex = ['a.html']");
  EXPECT_EQ(found.files, path("www/old"));
  EXPECT_THAT(found.index, ElementsAre("a.html"));
  EXPECT_EQ(with_location("match = '=/t'\nfiles = 'www/text'").files, path("www/text"));
  const Config config =
      good("[[site]]\nindex = ['b.html']\nroot = 'www'\n[[site.location]]\nmatch = '/a/'");
  EXPECT_THAT(config.sites[0].locations[0].index, ElementsAre("b.html"));
  EXPECT_THAT(config.sites[0].fallback.index, ElementsAre("b.html"));
  found = with_location("match = '/t/'\ncgi = 'text'\ninterpreter = '/bin/sh'");
  EXPECT_EQ(found.program, ProgramKind::single);
  EXPECT_EQ(found.interpreter, "/bin/sh");
}

TEST_F(ConfigTest, LocationsLeadOn) {
  Location found = with_location("match = '/old/'\nredirect = '/new/'");
  EXPECT_EQ(found.redirect.to.text(), "/new/");
  EXPECT_EQ(found.redirect.status, 302);
  found =
      with_location("match = '/a/'\nredirect = { to = 'https://b.example/{path}', status = 308 }");
  EXPECT_EQ(found.redirect.status, 308);
  EXPECT_THAT(found.redirect.to.names(), ElementsAre("path"));
  found = with_location("match = '/wiki/'\ntry = ['file', 'directory', '/i.php?t={path}&x={{}}']");
  ASSERT_EQ(found.attempts.size(), 3);
  EXPECT_EQ(found.attempts[0].kind, Attempt::Kind::file);
  EXPECT_EQ(found.attempts[1].kind, Attempt::Kind::directory);
  EXPECT_EQ(found.attempts[2].path.text(), "/i.php");
  EXPECT_EQ(found.attempts[2].query.fixed(), "t=&x={}");
  found = with_location("match = '~^/(?<id>\\d+)/(.*)$'\nfiles = 'www/{id}/{2}'");
  EXPECT_EQ(found.match.kind, MatchKind::regex);
  ASSERT_NE(found.match.pattern, nullptr);
  EXPECT_EQ(found.files, path("www"));
  EXPECT_THAT(found.file_names.names(), ElementsAre("id", "2"));
  EXPECT_EQ(format_match(found.match), "~^/(?<id>\\d+)/(.*)$");
}

TEST_F(ConfigTest, KnowsTheLinesOfItsKeys) {
  const Config config =
      good("[[site]]\nroot = 'www'\n[[site.location]]\n\nmatch = '/a/'\ndeny = true");
  const std::string file = path("test.toml");
  const KeyLines expected = {{"", 3, file}, {"match", 5, file}, {"deny", 6, file}};
  EXPECT_EQ(config.sites[0].locations[0].lines, expected);
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
  ASSERT_EQ(site.locations.size(), 3);
  EXPECT_EQ(site.locations[0].match.text, "/cgi-bin/");
  EXPECT_EQ(site.locations[1].match.text, "/htbin/");
  EXPECT_EQ(site.locations[2].match.text, ".cgi");
  for (const Location& location : site.locations) {
    EXPECT_EQ(location.program, ProgramKind::in_place);
    EXPECT_EQ(location.body_size, Limits{}.body_size);
    EXPECT_THAT(location.cgi.env, IsEmpty());
    EXPECT_FALSE(location.cgi.warm.enabled);
  }
}

TEST_F(ConfigTest, ADirectoryMayStartItsProgramsWarm) {
  const auto config = directory_config(path("www"), {.warm = true});
  ASSERT_TRUE(config) << config.error().what;
  for (const Location& location : config->sites.at(0).locations)
    EXPECT_TRUE(location.cgi.warm.enabled) << location.match.text;
}

TEST_F(ConfigTest, ADirectoryMustBeOne) {
  EXPECT_THAT(directory_config(path("none")).error().what,
              HasSubstr("name a directory that exists: No such file or directory"));
  EXPECT_THAT(directory_config(path("www/text")).error().what, HasSubstr("is not a directory"));
  EXPECT_THAT(directory_config("/").error().what, HasSubstr("the whole machine"));
}

}  // namespace
}  // namespace cgisrv::config
