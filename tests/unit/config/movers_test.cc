// What those who come from another server write, and what they are told.
#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using MoversTest = ConfigTest;

TEST_F(MoversTest, AreToldOfBracketsQuotesAndComments) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"[site]\nroot = 'a'\n[site]\nroot = 'b'\n", "[[site]] may stand several times"},
      {"[[site.location]]\nmatch = '/x/'\n[[site]]\nroot = 'a'\n", "below the [[site]]"},
      {"[[site]]\nroot = 'a'\n[site.location]\nmatch = '/x/'\n[site.location]\nmatch = '/y/'\n",
       "[[site.location]] may stand several times"},
      {"[listen]\naddress = ':1'\n[listen]\naddress = ':2'\n", "write it with two brackets"},
      {"[server]\nworkers = 1\n[server]\nuser = 'a'\n", "leave one of them out"},
      {"[[site]]\nroot = \u201c/srv/www\u201d\n", "write straight ones"},
      {"// a comment\n", "a comment begins with #"},
      {"{ \"site\": [] }\n", "JSON is not read"},
      {"[[site]]\n# caf\xe9\n", "save the file as UTF-8"},
      {"[[site]]\nindex = ['a' 'b']\n", "commas stand between"},
  };
  for (const auto& [text, advice] : mistakes)
    EXPECT_THAT(faults(text), ElementsAre(HasSubstr(advice))) << text;
}

TEST_F(MoversTest, AreToldWhereTheirWordsHaveTheirPlace) {
  const std::pair<const char*, const char*> words[] = {
      {"User = 'www-data'", "'user' belongs in [server]"},
      {"Listen = 80", "write [[listen]] with address"},
      {"listen = ':80'",
       "write [[listen]] on a line of its own, and its keys below it: address = "
       "\":80\""},
      {"Timeout = 60", "header_timeout"},
      {"KeepAlive = true", "keepalive_timeout"},
      {"MaxRequestWorkers = 100", "max_running"},
      {"LogLevel = 'warn'", "level = \"info\""},
      {"VirtualHost = 1", "write [[site]]"},
      {"[server]\nSSLCertificateKeyFile = '/k'", "key = \"/path\""},
      {"[server]\nssl_protocols = 'TLSv1.2'", "leave it out"},
      {"[server]\ninclude = ['a']", "above the first [section]"},
  };
  for (const auto& [text, advice] : words)
    EXPECT_THAT(faults_before_site(text), ElementsAre(HasSubstr(advice))) << text;
  const std::pair<const char*, const char*> of_locations[] = {
      {"match = '/x/'\nproxy_pass = 'http://127.0.0.1:3000'", "needs a proxy in front"},
      {"match = '/x/'\nAllowOverride = 'All'", ".htaccess, are not read"},
      {"match = '/x/'\nlocation = '/y/'", "did you mean 'match'?"},
      {"match = '/x/'\nredirect = { to = '/y/', permanent = true }", "write status = 301"},
      {"match = '/x/'\nredirect = '301 /y/'", "write { to = \"/y/\", status = 301 }"},
      {"match = '/x/'\ntry = ['$uri/']", "write \"directory\""},
      {"match = ''", "write \"/prefix/\""},
      {"match = 'x'", "write \"/x\""},
  };
  for (const auto& [text, advice] : of_locations)
    EXPECT_THAT(location_faults(text), ElementsAre(HasSubstr(advice))) << text;
  EXPECT_THAT(location_faults("match = '/x/'\nauth = { file = '/f', name = 'n', type = 'Basic' }"),
              AllOf(Contains(HasSubstr("did you mean 'passwords'?")),
                    Contains(HasSubstr("did you mean 'realm'?")),
                    Contains(HasSubstr("asked for by Basic"))));
}

TEST_F(MoversTest, AreShownTheValueAsItIsWritten) {
  const std::pair<const char*, const char*> values[] = {
      {"[cgi]\ntimeout = 60", "write \"60s\""},
      {"[cgi]\ntimeout = '90'", "write \"90s\""},
      {"[cgi]\ntimeout = '60 seconds'", "write \"60s\""},
      {"[cgi]\ntimeout = '2 hours'", "write \"2h\""},
      {"[cgi]\ntimeout = '1min'", "write \"1m\""},
      {"[cgi]\ntimeout = '500 milliseconds'", "write \"500ms\""},
      {"[cgi]\ntimeout = 0", "write \"unlimited\""},
      {"[limits]\nbody_size = '20 MB'", "write \"20m\""},
      {"[limits]\nbody_size = -1", "write \"unlimited\""},
      {"[cgi]\nqueue = 100", "a table with keys such as 'size'; it is 100"},
      {"[cgi]\nenv = { A = 1 }", "A must be a text in quotes, as in A = \"1\""},
      {"[[listen]]\naddress = 8080", "write \"8080\""},
      {"[[listen]]\naddress = ':1'\ntls = { certificate = '/c', key = '/k' }",
       "the certificate stands in the [[site]]"},
      {"[server]\nuser = '0'", "write the name of the user, \"root\""},
      {"[log]\naccess = '|/usr/bin/rotatelogs /var/log/a 86400'", "is not piped to a program"},
      {"[log]\naccess = { format = '%h %l %u' }", "fields in braces"},
  };
  for (const auto& [text, advice] : values)
    EXPECT_THAT(faults_before_site(text), ElementsAre(HasSubstr(advice))) << text;
  EXPECT_THAT(faults_before_site("[cgi]\ntimeout = 'soon'"),
              ElementsAre(HasSubstr("it is \"soon\"")));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nindex = 'index.html'"),
              ElementsAre(HasSubstr("write [\"index.html\"]")));
  EXPECT_THAT(faults("[[site]]\nroot = 'www'\nserver_name = ['_']"),
              ElementsAre(HasSubstr("leave server_name out")));
  EXPECT_THAT(faults("[[site]]\nroot = '~/www'"), ElementsAre(HasSubstr("write the whole path")));
}

TEST_F(MoversTest, AreToldWhatAMatchIs) {
  const std::pair<const char*, const char*> matches[] = {
      {"'*.{cgi,pl}'", "an ending stands for itself"},
      {"'/x/*.(cgi|pl)'", "an ending stands for itself"},
      {"'.cgi'", "write \"*.cgi\""},
      {"'cgi-bin/'", "write \"/cgi-bin/\""},
      {"'~ \\.cgi$'", "write '~\\.cgi$'"},
      {"'~* \\.cgi$'", "write '~(?i)\\.cgi$'"},
  };
  for (const auto& [match, advice] : matches)
    EXPECT_THAT(location_faults(fmt::format("match = {}\ncgi = true", match)),
                ElementsAre(HasSubstr(advice)))
        << match;
  EXPECT_THAT(location_faults("match = '*.sh'\ninterpreter = '/bin/sh -e'"),
              ElementsAre(HasSubstr("/bin/sh is named alone, without arguments")));
}

}  // namespace
}  // namespace cgisrv::config
