#include "config/start_check.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "../temporary_directory.h"
#include "config/config.h"

namespace cgisrv::config {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(StartCheck, TellsOfPortsThatAreForRoot) {
  unsigned first_for_all = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_for_all;
  if (first_for_all <= 80) GTEST_SKIP() << "here it is for all";
  const Unprivileged nobody;
  const Config config{.listen = {{.address = "127.0.0.1:80"},
                                 {.address = "127.0.0.1:8888"},
                                 {.address = "127.0.0.1:0"},
                                 {.address = "unix:/tmp/x"}}};
  EXPECT_THAT(check_start(config).by_hand,
              ElementsAre(HasSubstr("port 80 of 127.0.0.1:80 is not for every user")));
}

TEST(StartCheck, TellsOfFoldersThatTheServersUserCannotEnter) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root checks for another user";
  TemporaryDirectory tree;
  Config config{.server = {.user = "nobody"}, .sites = std::vector<Site>(1)};
  Site& site = config.sites.front();
  site.root = tree.path() + "/closed/www";
  site.locations.resize(3);
  site.locations[0].match = {MatchKind::exact, "/one"};
  site.locations[0].files = tree.path() + "/open/file";
  site.locations[1].files = tree.path() + "/closed/files";
  site.locations[2].program = ProgramKind::directory;
  site.locations[2].path = tree.path() + "/closed/programs";
  tree.directory("closed/www");
  tree.file("open/file");
  ::chmod((tree.path() + "/closed").c_str(), 0700);
  const auto names = [&](std::string_view key) {
    return Contains(AllOf(
        HasSubstr("the user nobody may not enter " + tree.path() + "/closed,"), HasSubstr(key),
        HasSubstr("; serve another folder, or run: chmod a+x " + tree.path() + "/closed")));
  };
  const auto shortfalls = check_start(config).shortfalls;
  EXPECT_THAT(shortfalls, names("nothing of root = "));
  EXPECT_THAT(shortfalls, names("nothing of files = "));
  EXPECT_THAT(shortfalls, names("nothing of cgi = "));
  EXPECT_THAT(shortfalls, Not(Contains(HasSubstr("/open"))));
  ::chmod((tree.path() + "/closed").c_str(), 0711);
  EXPECT_THAT(check_start(config).shortfalls, Not(Contains(HasSubstr("may not enter"))));
}

}  // namespace
}  // namespace cgisrv::config
