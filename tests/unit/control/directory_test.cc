#include "control/directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "../temporary_directory.h"

namespace cgisrv::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RuntimeDirectory, ConfiguredOneIsTheOnlyOne) {
  EXPECT_THAT(runtime_directories("/srv/run"), ElementsAre("/srv/run"));
}

TEST(RuntimeDirectory, OfAServiceIsTheOnlyOneToo) {
  ::setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
  EXPECT_THAT(runtime_directories(""), ElementsAre("/run/one"));
  EXPECT_THAT(runtime_directories("/srv/run"), ElementsAre("/srv/run"));
  ::unsetenv("RUNTIME_DIRECTORY");
}

TEST(RuntimeDirectory, OfRootShowsItsServersToOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has servers of root";
  TemporaryDirectory tree;
  const std::string socket = socket_path(tree.path(), ::getpid());  // a process of root
  EXPECT_EQ(server_of_root(tree.path()), 0);
  std::ofstream(socket) << "";
  EXPECT_EQ(server_of_root(tree.path()), 0);  // root may speak to it
  {
    const Unprivileged nobody;
    EXPECT_EQ(server_of_root(tree.path() + "/none"), 0);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    const bool found =
        ::setresuid(65534, 65534, 65534) == 0 && server_of_root(tree.path()) == ::getppid();
    ::_exit(found ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(RuntimeDirectory, OthersThanRootHaveTheirOwn) {
  ::unsetenv("RUNTIME_DIRECTORY");
  ::setenv("XDG_RUNTIME_DIR", "/run/user/65534", 1);
  if (::geteuid() == 0) {
    EXPECT_THAT(runtime_directories(""), ElementsAre("/run/cgisrv"));
  }
  {
    const Unprivileged nobody;
    EXPECT_THAT(runtime_directories(""),
                ElementsAre("/run/user/65534/cgisrv", fmt::format("/tmp/cgisrv-{}", ::geteuid()),
                            fmt::format("/dev/shm/cgisrv-{}", ::geteuid()), "/run/cgisrv"));
  }
  ::unsetenv("XDG_RUNTIME_DIR");
}

// Fault 2h.
TEST(RuntimeDirectory, IsWritableForItsUserAlone) {
  const TemporaryDirectory folder;
  const std::string path = folder.path() + "/run";
  ASSERT_TRUE(make_directory(path));
  struct stat made {};
  ASSERT_EQ(::stat(path.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777, 0755U);
  EXPECT_TRUE(make_directory(path)) << "it may be there";
  EXPECT_TRUE(trusted(path));
}

TEST(RuntimeDirectory, OneThatOthersCanUseIsRefused) {
  TemporaryDirectory folder;
  const auto complaint = [](const std::string& path) {
    const auto made = make_directory(path);
    return made ? "" : made.error().what;
  };
  EXPECT_THAT(complaint(folder.directory("open", 0777)), HasSubstr("others may write"));
  EXPECT_THAT(complaint(folder.directory("group", 0770)), HasSubstr("others may write"));
  EXPECT_THAT(complaint(folder.file("file")), HasSubstr("not a directory"));
  EXPECT_THAT(complaint(folder.path() + "/not/there"), HasSubstr("No such file"));
  const std::string good = folder.directory("good", 0700);
  ASSERT_EQ(::symlink(good.c_str(), (folder.path() + "/link").c_str()), 0);
  EXPECT_THAT(complaint(folder.path() + "/link"), HasSubstr("not a directory"));
  if (::geteuid() != 0) return;
  {
    const Unprivileged nobody;
    EXPECT_THAT(complaint(good), HasSubstr("another user's"));
    EXPECT_FALSE(trusted(good));
  }
  ASSERT_EQ(::chown(good.c_str(), 65534, 65534), 0);
  EXPECT_THAT(complaint(good), HasSubstr("another user's")) << "no server of root's there";
  EXPECT_TRUE(trusted(good)) << "but root may look";
}

TEST(RuntimeDirectory, ListsWhatIsNamedAsASocketOfAServer) {
  TemporaryDirectory folder;
  for (const char* const name : {"20.sock", "3.sock", "site.sock", "4.sock.new", ".sock", "7",
                                 "5x.sock", "99999999999.sock"})
    folder.file(name);
  std::vector<pid_t> pids;
  for (const SocketFile& file : sockets_in(folder.path()))
    pids.push_back(file.pid);
  EXPECT_THAT(pids, ElementsAre(3, 20));
  EXPECT_TRUE(sockets_in("/nowhere").empty());
}

}  // namespace
}  // namespace cgisrv::control
