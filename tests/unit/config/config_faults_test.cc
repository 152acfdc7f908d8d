// What is said of configurations that are wrong.
#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

using ConfigFaultsTest = ConfigTest;

TEST_F(ConfigFaultsTest, NamesTheFileThatCannotBeRead) {
  const auto missing = load_config(path("none.toml"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().at(0).text(), path("none.toml: cannot read the configuration: "
                                               "No such file or directory"));
  const auto directory = load_config(files_.path());
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().at(0).text(),
              HasSubstr(": this is a directory; to serve it: cgisrv " + files_.path()));
  EXPECT_THAT(load_config(files_.file("empty.toml", 0644, "")).error().at(0).message,
              HasSubstr("no [[site]]"));
}

TEST_F(ConfigFaultsTest, SaysWhereTheTextIsNotToml) {
  EXPECT_THAT(faults("[server]\nuser = \n"), ElementsAre(HasSubstr("2:")));
  EXPECT_THAT(faults("[server]\nuser = 'a'\nuser = 'b'\n"), ElementsAre(HasSubstr("not TOML: ")));
}

TEST_F(ConfigFaultsTest, SaysWhatToDoAboutTextThatIsNotToml) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"[cgi]\nrlimits = {\n cpu = '1s' }\n", "a table in braces stands on one line"},
      {"[cgi]\nrlimits = { cpu = '1s',\n as = '1g' }\n", "a table in braces stands on one line"},
      {"[cgi]\nrlimits = { cpu = '1s', }\n", "remove the last comma"},
      {"[[site]]\nroot = /srv/www\n", "texts stand in quotes"},
      {"[cgi]\ntimeout = 10s\n", "sizes and durations stand in quotes"},
      {"[[listen]]\naddress = 127.0.0.1:80\n", "texts stand in quotes: \"127.0.0.1:8888\""},
      {"[[site]]\nlisting = True\n", "write true or false"},
      {"[cgi]\ntimeout = '10s';\n", "without ; or ,"},
      {"rooot /srv/www\n", "write key = value"},
      {"[[site]]\nroot = \"C:\\www\"\n", "single quotes"},
  };
  for (const auto& [text, advice] : mistakes)
    EXPECT_THAT(faults(text), ElementsAre(HasSubstr(advice))) << text;
}

TEST_F(ConfigFaultsTest, KnowsLinesOfOtherServers) {
  const std::pair<const char*, const char*> lines[] = {
      {"Require local", "write allow = ["},
      {"  require valid-user  ", "for users auth = {"},
      {"<Location /x>", "write [[site.location]] with match = "},
      {"</Location>", "leave it out"},
      {"<Directory \"/srv/www\">", "write [[site]] with root = "},
      {"<VirtualHost *:80>", "write [[site]] with server_name = "},
      {"<IfModule mod_cgi.c>", "leave it out"},
      {"AuthType Basic", "write auth = {"},
      {"Satisfy any", "write open_to = ["},
      {"satisfy any;", "write open_to = ["},
      {"<RequireAny>", "write open_to = ["},
      {"<LimitExcept GET>", "write open_methods = ["},
      {"LoadModule cgi_module modules/mod_cgi.so", "nothing to load"},
      {"Deny from all", "write deny = true"},
      {"ScriptAlias /cgi-bin/ /usr/lib/cgi-bin/", "cgi = \"/usr/lib/cgi-bin/\""},
      {"location / {", "write [[site.location]] with match = "},
      {"location ~ \\.php$ {", "write [[site.location]] with match = "},
      {"server {", "write [[site]] with server_name = "},
      {"}", "leave it out"},
      {"listen 80;", "write [[listen]]"},
      {"root /srv/www;", "write root = \"/path\" under [[site]]"},
      {"fastcgi_pass unix:/run/fcgiwrap.socket;", "programs are run by cgisrv itself"},
      {"$HTTP[\"host\"] == \"example.org\" {", "write [[site]] with server_name = "},
      {"$HTTP[\"url\"] =~ \"^/x\" {", "write [[site.location]] with match = "},
      {"server.modules += ( \"mod_cgi\" )", "nothing to load"},
      {"cgi.assign = ( \".pl\" => \"/usr/bin/perl\" )", "interpreter = "},
      {"index-file.names = ( \"index.html\" )", "write index = ["},
  };
  for (const auto& [line, advice] : lines)
    EXPECT_THAT(faults(fmt::format("[[site]]\nroot = 'www'\n{}\n", line)),
                ElementsAre(AllOf(StartsWith("3:"), HasSubstr("is a line for another server; "),
                                  HasSubstr(advice))))
        << line;
  EXPECT_THAT(faults("Require local"), ElementsAre(HasSubstr("not TOML: \"Require local\" is a")));
}

TEST_F(ConfigFaultsTest, TakesNoLineOfItsOwnForThatOfAnother) {
  for (const char* const line : {"root = /srv/www", "listing = on", "[site", "x"})
    EXPECT_THAT(faults(line), ElementsAre(Not(HasSubstr("another server")))) << line;
}

TEST_F(ConfigFaultsTest, KnowsKeysOfOtherServers) {
  const std::pair<const char*, const char*> keys[] = {
      {"[cgi]\nfastcgi_pass = 'unix:/x'", "programs are run by cgisrv itself"},
      {"[cgi]\nalias = '/x'", "write [[site.location]] with match = \"/icons/\" and files = "},
      {"RewriteRule = '^/a$ /b'", "write redirect = "},
      {"Redirect = '/a /b'", "write [[site.location]] with match = \"/old/\" and redirect = "},
      {"script_alias = '/x'", "write [[site.location]] with match = \"/cgi-bin/\" and cgi = "},
      {"client_max_body_size = '1m'", "write body_size, under [limits]"},
      {"[cgi]\nenvironment = { A = 'b' }", "write env = { NAME = \"value\" }"},
      {"[server]\ndocument_root = '/x'", "write root = \"/path\" under [[site]]"},
      {"[server]\ntls = true", "[[listen]]"},
      {"[[listen]]\nssl = true", "write tls = true under [[listen]]"},
      {"[cgi]\nrlimits = { memory = '1g' }",
       "there is no 'memory' in [cgi.rlimits]; write as = \"1g\""},
      {"[cgi]\nrlimits = { files = 3 }", "write nofile"},
      {"[cgi]\nmemory = 3", "'memory' belongs in [server.pressure]"},
  };
  for (const auto& [text, advice] : keys)
    EXPECT_THAT(faults_before_site(text), Contains(HasSubstr(advice))) << text;
}

TEST_F(ConfigFaultsTest, SuggestsKeys) {
  EXPECT_THAT(faults_before_site("[server]\nwokers = 3"),
              ElementsAre("2:1: unknown key 'wokers' in [server]; did you mean 'workers'?"));
  EXPECT_THAT(
      faults_before_site("[server]\n  body_size = 3"),
      ElementsAre("2:3: 'body_size' belongs in [limits] or [[site.location]], not in [server]"));
  EXPECT_THAT(
      faults_before_site("[[listen]]\ncolour = 3"),
      ElementsAre("2:1: unknown key 'colour' in [[listen]]; its keys are address, tls, "
                  "http2, proxy_protocol, request_ids, protocol, programs, allow, mode, owner, "
                  "group, errors_to_web_server"));
  EXPECT_THAT(faults_before_site("[limit]"), ElementsAre(HasSubstr("did you mean 'limits'?")));
  EXPECT_THAT(
      faults_before_site("[[location]]"),
      ElementsAre("1:3: 'location' belongs in [[site]], not in the file; write [[site.location]]"));
  EXPECT_THAT(faults_before_site("[cgi]\nrlimits = { nofiles = 3 }"),
              ElementsAre(HasSubstr("'nofiles' in [cgi.rlimits]; did you mean 'nofile'?")));
  EXPECT_THAT(location_faults("match = '/'\nidle_timout = '1s'"),
              ElementsAre(HasSubstr("did you mean 'idle_timeout'?")));
}

TEST_F(ConfigFaultsTest, NamesWhereSitesListen) {
  for (const std::string section : {"[server]", "[limits]", "[cgi]"})
    EXPECT_THAT(faults_before_site(section + "\nlisten = ':80'"),
                ElementsAre(HasSubstr("no 'listen' in " + section + "; write [[listen]] with")));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nlisten = 80"), ElementsAre(HasSubstr("[[listen]]")));
  EXPECT_THAT(faults_before_site("port = 80"), ElementsAre(HasSubstr("[[listen]]")));
}

TEST_F(ConfigFaultsTest, SuggestsChoices) {
  EXPECT_THAT(faults_before_site("[server]\ndispatch = 'round_robin'"),
              ElementsAre("2:12: 'dispatch' must be one of \"round-robin\", \"least-busy\", "
                          "\"kernel\"; it is \"round_robin\"; did you mean \"round-robin\"?"));
  EXPECT_THAT(faults_before_site("[log]\nerror = { level = 'loud' }"),
              ElementsAre(HasSubstr("'level' must be one of \"debug\", ")));
  EXPECT_THAT(faults_before_site("[cgi]\nstart = 'wram'"),
              ElementsAre("2:9: 'start' must be one of \"cold\", \"warm\"; it is \"wram\"; "
                          "did you mean \"warm\"?"));
  EXPECT_THAT(faults_before_site("[cgi]\nstart = true"), ElementsAre(HasSubstr("it is true")));
}

TEST_F(ConfigFaultsTest, ChecksTypesAndRanges) {
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
  EXPECT_THAT(
      faults_before_site(
          "[cgi]\nwarm = { max_requests = 0, idle = '0s', max_age = 3600, "
          "max_memory = '1k', preload = true, zygotes = 0, waiting = 65, zygote = 1 }"),
      UnorderedElementsAre(HasSubstr("'max_requests' must be a whole number: 1 to "),
                           HasSubstr("'idle' must be a duration such as "),
                           HasSubstr("\"1s\" to \"30d\"; it is 3600"), HasSubstr("\"1m\" to "),
                           HasSubstr("\"standard\", \"all\", \"none\", or a list of modules; it is "
                                     "true"),
                           HasSubstr("'zygotes' must be a whole number: 1 to 64 processes"),
                           HasSubstr("'waiting' must be a whole number: 0 to 64 processes"),
                           HasSubstr("unknown key 'zygote' in [cgi.warm]")));
  EXPECT_THAT(faults_before_site("[cgi]\nwarm = { preload = 'standart' }"),
              ElementsAre(HasSubstr("did you mean \"standard\"?")));
  for (const auto* time : {"'0s'", "'2d'", "30", "'off'"})
    EXPECT_THAT(faults_before_site(fmt::format("[cgi]\nqueue = {{ retry_after = {} }}", time)),
                ElementsAre(HasSubstr(
                    "'retry_after' must be a duration such as \"10s\": \"1s\" to \"1d\"")))
        << time;
  for (const auto* name : {"", "a b", "a.", ".a", "a..b", "A:B", "A::", "1a", "a.1", "a,b", "a\""})
    EXPECT_THAT(faults_before_site(fmt::format("[cgi]\nwarm = {{ preload = ['a', '{}'] }}", name)),
                ElementsAre(HasSubstr("is no name of a module")))
        << name;
  EXPECT_THAT(faults_before_site("[cgi]\nwarm = { preload = ['a', 1] }"),
              ElementsAre(HasSubstr("or a list of modules; it is 1")));
  EXPECT_THAT(faults_before_site("[cgi]\nauthorization = 'yes'"),
              ElementsAre(HasSubstr("must be true or false; it is \"yes\"")));
  EXPECT_THAT(faults_before_site("[cgi]\nremote_user = 'X_User'"),
              ElementsAre(HasSubstr("letters, digits and '-' only")));
  EXPECT_THAT(faults_before_site("[cgi]\nenv = { A = 1 }"),
              ElementsAre("2:13: 'env': A must be a text in quotes, as in A = \"1\""));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nindex = 'a'"),
              ElementsAre(HasSubstr("must be a list of texts")));
  EXPECT_THAT(faults("[[site]]\nroot = ''"), ElementsAre(HasSubstr("must be a path")));
}

TEST_F(ConfigFaultsTest, SaysWhatMaxRunningMayBe) {
  for (const auto value : {"0", "5000", "'64'", "'auto up to'", "'auto up to 0'", "'auto up to x'",
                           "'auto up to 4097'", "'auto up to 64 '", "'automatic'", "true"})
    EXPECT_THAT(faults_before_site(fmt::format("[cgi]\nmax_running = {}", value)),
                Contains(HasSubstr("1 to 4096 processes, \"auto\", \"auto up to 64\"")))
        << value;
}

TEST_F(ConfigFaultsTest, ChecksBrackets) {
  EXPECT_THAT(faults("[site]\nroot = 'www'"),
              ElementsAre("1:1: [[site]] may stand several times: write it with two brackets"));
  EXPECT_THAT(faults_before_site("[[server]]"),
              ElementsAre(HasSubstr("'server' may stand once only")));
  EXPECT_THAT(
      faults_before_site("limits = 3"),
      ElementsAre("1:10: 'limits' must be a table with keys such as 'header_size'; it is 3"));
}

TEST_F(ConfigFaultsTest, ChecksTexts) {
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

TEST_F(ConfigFaultsTest, ChecksRoots) {
  EXPECT_THAT(faults("[server]"), ElementsAre(HasSubstr("there is no [[site]]")));
  EXPECT_THAT(faults("site = []"), ElementsAre(HasSubstr("there is no [[site]]")));
  EXPECT_THAT(faults("\n[[site]]"),
              ElementsAre("2:1: [[site]] needs 'root'; it must be a path in quotes"));
  EXPECT_THAT(faults("[[site]]\nroot = 'none'"),
              ElementsAre(HasSubstr("does not exist; create it or correct the path")));
  EXPECT_THAT(faults("[[site]]\nroot = 'www/text'"), ElementsAre(HasSubstr("not a directory")));
  EXPECT_THAT(faults("[[site]]\nroot = '/'"), ElementsAre(HasSubstr("the whole machine")));
}

TEST_F(ConfigFaultsTest, ChecksMatches) {
  EXPECT_THAT(location_faults("cgi = true"),
              ElementsAre(HasSubstr("3:1: [[site.location]] needs 'match'")));
  EXPECT_THAT(location_faults("match = '/cgi-bin'"),
              ElementsAre("4:9: 'match' is \"/cgi-bin\"; write \"/cgi-bin/\" for everything below, "
                          "or \"=/cgi-bin\" for that path alone"));
  for (const std::string bad : {"", "*", "*.", "*.a/b", "*.a*", "=x", "=", "//", "/a/../b/"})
    EXPECT_THAT(location_faults("match = '" + bad + "'"),
                ElementsAre(HasSubstr(
                    "write \"/prefix/\", \"/prefix/*.ext\", \"=/exact\", \"*.ext\" or \"~regex\"")))
        << bad;
}

TEST_F(ConfigFaultsTest, WordsOfOtherServersAreNoLogFiles) {
  constexpr const char* site = "[[site]]\nroot = 'www'\n[log]\n";
  for (const std::string line : {"access = 'stdout'", "access = 'syslog'", "error = 'off'"})
    EXPECT_THAT(faults(site + line), ElementsAre(HasSubstr("is none of the words")));
  for (const std::string line : {"access = 'off'", "error = 'stderr'", "access = '/dev/stdout'"})
    EXPECT_THAT(faults(site + line), ElementsAre());
}

TEST_F(ConfigFaultsTest, ChecksPrograms) {
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
              ElementsAre(HasSubstr("which an ending cannot lead to")));
  EXPECT_THAT(location_faults("match = '*.a'\ninterpreter = '/bin/sh'\ncgi = false"),
              ElementsAre(HasSubstr("but 'cgi' is false")));
}

TEST_F(ConfigFaultsTest, ChecksStars) {
  for (const std::string bad : {"/a*b/", "/a/*.b/c", "/a/*", "/a/*.", "/a/*.*", "/a*.b"})
    EXPECT_THAT(location_faults("match = '" + bad + "'"),
                ElementsAre(HasSubstr("a star stands between a prefix and an ending only")))
        << bad;
}

TEST_F(ConfigFaultsTest, ChecksFilesOfLocations) {
  const auto about = [&](const std::string& text) { return location_faults(text); };
  EXPECT_THAT(about("match = '/a/'\nfiles = 'none/'"),
              ElementsAre(HasSubstr("5:9: 'files': " + path("none does not exist"))));
  EXPECT_THAT(about("match = '/a/'\nfiles = 'www/text'"),
              ElementsAre(HasSubstr("is not a directory")));
  EXPECT_THAT(about("match = '=/a'\nfiles = 'www/old/'"), ElementsAre(HasSubstr("is not a file")));
  EXPECT_THAT(about("match = '*.a'\nfiles = 'www/old/'"), ElementsAre(HasSubstr("\"/name/*.a\"")));
  EXPECT_THAT(about("match = '/a/'\nfiles = '/'"), ElementsAre(HasSubstr("the whole machine")));
  EXPECT_THAT(about("match = '/a/'\nfiles = 'www/old/'\ncgi = 'old/'"),
              ElementsAre(HasSubstr("5:9: 'files': 'cgi' names the directory or program already")));
}

TEST_F(ConfigFaultsTest, ChecksDenials) {
  EXPECT_THAT(location_faults("match = '/a/'\ndeny = 'hid'"),
              ElementsAre(HasSubstr("it is \"hid\"; did you mean \"hide\"?")));
  EXPECT_THAT(location_faults("match = '/a/'\ndeny = 1"), ElementsAre(HasSubstr("it is 1")));
  EXPECT_THAT(location_faults("match = '/a/'\ndeny = true\ncgi = 'old/'"),
              ElementsAre("6:7: 'cgi' has no effect where 'deny' answers; remove one of the two"));
  EXPECT_THAT(location_faults("match = '/a/'\ndeny = true\nfiles = 'www/old'"),
              ElementsAre(HasSubstr("6:9: 'files' has no effect")));
}

TEST_F(ConfigFaultsTest, ChecksRedirects) {
  const auto about = [&](const std::string& text) { return location_faults(text); };
  for (const std::string bad :
       {"new/", "//host/x", "ftp://a/", "https://", "https://a.example{path}", "/a b", "/a\\b",
        "https://{path}/", "http:///x", "{path}"})
    EXPECT_THAT(about("match = '/a/'\nredirect = '" + bad + "'"),
                Contains(HasSubstr("is no path and no URL")))
        << bad;
  EXPECT_THAT(about("match = '/a/'\nredirect = { to = '/b/', status = 305 }"),
              ElementsAre(HasSubstr("must be one of 301, 302, 303, 307 and 308; it is 305")));
  EXPECT_THAT(about("match = '/a/'\nredirect = { status = 301 }"),
              ElementsAre(HasSubstr("[site.location.redirect] needs 'to'")));
  EXPECT_THAT(about("match = '/a/'\nredirect = '/b/{id}'"),
              ElementsAre(HasSubstr("there is no {id} here; a prefix has {path}")));
  EXPECT_THAT(about("match = '=/a'\nredirect = '/b/{path}'"),
              ElementsAre(HasSubstr("only a prefix and a regular expression have names")));
  EXPECT_THAT(about("match = '~^/(?<id>a)'\nredirect = '/b/{name}'"),
              ElementsAre(HasSubstr("its names are the groups of the regular expression")));
  EXPECT_THAT(about("match = '/a/'\nredirect = '/b/{path'"),
              ElementsAre(HasSubstr("5:12: 'redirect': { stands alone")));
  EXPECT_THAT(about("match = '/a/'\nredirect = '/b/'\ncgi = 'old/'"),
              ElementsAre(HasSubstr("'cgi' has no effect where 'redirect' answers")));
}

TEST_F(ConfigFaultsTest, ChecksTries) {
  const auto about = [&](const std::string& text) { return location_faults(text); };
  EXPECT_THAT(about("match = '/a/'\ntry = []"), ElementsAre(HasSubstr("it is a list")));
  EXPECT_THAT(about("match = '/a/'\ntry = '/x'"), ElementsAre(HasSubstr("it is \"/x\"")));
  EXPECT_THAT(about("match = '/a/'\ntry = ['files']"),
              ElementsAre(HasSubstr("is not \"file\", \"directory\" or a path of this site")));
  EXPECT_THAT(about("match = '/a/'\ntry = ['/x?y={z}']"),
              ElementsAre(HasSubstr("there is no {z} here")));
  EXPECT_THAT(about("match = '/a/'\ntry = ['file']\nredirect = '/b/'"),
              ElementsAre(HasSubstr("'try' has no effect where 'redirect' answers")));
}

TEST_F(ConfigFaultsTest, ChecksRegularExpressions) {
  EXPECT_THAT(location_faults("match = '~^/(a'"),
              ElementsAre(HasSubstr("the regular expression is wrong at character 5: missing")));
  EXPECT_THAT(location_faults("match = '~'"), ElementsAre(HasSubstr("no regular expression")));
  EXPECT_THAT(location_faults("match = '~^/a'\ncgi = 'old/'"),
              ElementsAre(HasSubstr("which needs a prefix; for a regular expression write")));
  EXPECT_THAT(location_faults("match = '~^/(a)'\nfiles = 'www/{1}/.x'"),
              ElementsAre(HasSubstr("begin with a dot are never sent")));
  EXPECT_THAT(location_faults("match = '~^/(a)'\nfiles = 'none/{1}'"),
              ElementsAre(HasSubstr("none does not exist")));
}

TEST_F(ConfigFaultsTest, FindsWhatStandsTwice) {
  EXPECT_THAT(location_faults("match = '/a/'\n[[site.location]]\nmatch = '/a/'"),
              ElementsAre("6:9: 'match': \"/a/\" stands on line 4 already; remove one"));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nserver_name = ['a']\n[[site]]\nroot = 'www'\n"
                     "server_name = ['b', 'A']"),
              ElementsAre("6:21: 'server_name': a stands on line 3 already; remove one"));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\n[[site]]\nroot = 'www'"),
              ElementsAre(HasSubstr("3:1: only the first [[site]] answers for every host")));
}

TEST_F(ConfigFaultsTest, ChecksWhoIsLetIn) {
  EXPECT_THAT(location_faults("match = '/a/'\nallow = ['10.0.0.1/8', 'localhost', 'all']"),
              ElementsAre("5:10: 'allow': \"10.0.0.1/8\" has bits beyond its first 8; write "
                          "\"10.0.0.0/8\" for the network, or \"10.0.0.1\" alone",
                          HasSubstr("5:24: 'allow': \"localhost\" is no address, and names")));
  EXPECT_THAT(location_faults("match = '/a/'\nallow = 'all'"),
              ElementsAre(HasSubstr("'allow' must be a list of addresses")));
  EXPECT_THAT(location_faults("match = '/a/'\nRequire = 'all'"),
              ElementsAre(HasSubstr("write allow = ")));
}

TEST_F(ConfigFaultsTest, ChecksWhatIsSaidOfProxies) {
  EXPECT_THAT(faults_before_site("[server]\ntrusted_proxies = ['all', '10.0.0.1/8']"),
              ElementsAre(HasSubstr("2:20: 'trusted_proxies': everybody could say"),
                          HasSubstr("2:27: 'trusted_proxies': \"10.0.0.1/8\" has bits beyond")));
  EXPECT_THAT(faults_before_site("[[listen]]\naddress = ':80'\nproxy_protocol = true"),
              ElementsAre(HasSubstr("3:18: 'proxy_protocol' lets in proxies alone; name them")));
  for (const auto* url : {"example.org", "ftp://example.org", "https://", "https://a/b",
                          "https://a b", "https://a?b", "http://a:99999/", "https://u@a/"})
    EXPECT_THAT(faults(fmt::format("[[site]]\nroot = 'www'\npublic_url = '{}'", url)),
                ElementsAre(HasSubstr("must be a URL without a path")))
        << url;
  EXPECT_THAT(faults_before_site("[server]\nset_real_ip_from = '10.0.0.0/8'"),
              ElementsAre(HasSubstr("write trusted_proxies = ")));
}

TEST_F(ConfigFaultsTest, ChecksWhereFilesAreWritten) {
  EXPECT_THAT(faults_before_site("[log]\naccess = 'www'"),
              ElementsAre("2:10: 'access': " + path("www is a directory; name a file in it")));
  EXPECT_THAT(faults_before_site("[log]\naccess = 'www/new'\nerror = 'stderr'"), ElementsAre());
}

TEST_F(ConfigFaultsTest, ReportsEveryFaultInTheOrderOfTheFile) {
  EXPECT_THAT(faults("[[site]]\nroot = 'none'\n[[site.location]]\nmatch = 'x'\ncgi = 'y'\n"
                     "[server]\nworkers = 0\ncolour = 1\n[cgi]\ngrace = 1"),
              ElementsAre(HasSubstr("2:8: "), HasSubstr("4:9: "), HasSubstr("5:7: "),
                          HasSubstr("7:11: "), HasSubstr("8:1: "), HasSubstr("10:9: ")));
}

}  // namespace
}  // namespace cgisrv::config
