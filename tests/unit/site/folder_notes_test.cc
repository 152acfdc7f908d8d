#include "site/folder_notes.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "../temporary_directory.h"
#include "config/config.h"
#include "config/value_check.h"

namespace cgisrv::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A site with a location for its folder /cgi-bin/.
class FolderNotes : public testing::Test {
 protected:
  FolderNotes() {
    config.file = "test.toml";
    config.sites.front().root = config.sites.front().real_root = tree.path();
    location().match = *config::parse_match("/cgi-bin/");
    location().lines = {{"match", 4}};
  }
  config::Location& location() { return config.sites.front().locations.front(); }
  std::vector<std::string> notes() const {
    std::vector<std::string> found;
    note_unrun_programs(config, found);
    return found;
  }

  TemporaryDirectory tree;
  config::Config config{.sites = {{.locations = std::vector<config::Location>(1)}}};
};

TEST_F(FolderNotes, TellOfAProgramWhoseSourceWouldBeSent) {
  const auto file = tree.file("cgi-bin/ok.py", 0755, "#!/usr/bin/python3\n");
  EXPECT_THAT(
      notes(),
      ElementsAre(HasSubstr("test.toml:4: " + file +
                            " is executable and begins with #!, and location /cgi-bin/ sends its "
                            "source; write cgi = true there")));
  location().program = config::ProgramKind::in_place;
  EXPECT_THAT(notes(), IsEmpty());
  location().program = config::ProgramKind::none;
  location().files_only = true;
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(FolderNotes, LookIntoTheFolderThatFilesNames) {
  location().files = tree.directory("elsewhere");
  tree.file("cgi-bin/ok.py", 0755, "#!/usr/bin/python3\n");
  EXPECT_THAT(notes(), IsEmpty());
  const auto file = tree.file("elsewhere/run.sh", 0755, "#!/bin/sh\n");
  EXPECT_THAT(notes(), ElementsAre(HasSubstr(file)));
}

TEST_F(FolderNotes, SayNothingOfOtherFiles) {
  tree.file("cgi-bin/data.sh", 0644, "#!/bin/sh\n");
  tree.file("cgi-bin/picture.png", 0755, "x");
  tree.file("cgi-bin/.hidden", 0755, "#!/bin/sh\n");
  tree.file("cgi-bin/below/run.sh", 0755, "#!/bin/sh\n");
  ASSERT_EQ(::mkfifo((tree.path() + "/cgi-bin/fifo").c_str(), 0755), 0);
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(FolderNotes, SayNothingWhereAnotherLocationRunsThem) {
  tree.file("cgi-bin/run.cgi", 0755, "#!/bin/sh\n");
  config::Location ending;
  ending.match = *config::parse_match("*.cgi");
  ending.program = config::ProgramKind::in_place;
  config.sites.front().locations.push_back(ending);
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(FolderNotes, SayNothingOfAFolderThatIsNotThere) {
  EXPECT_THAT(notes(), IsEmpty());
}

}  // namespace
}  // namespace cgisrv::site
