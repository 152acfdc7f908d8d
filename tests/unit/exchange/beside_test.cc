#include "exchange/beside.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "../temporary_directory.h"
#include "config/site.h"

namespace cgisrv::exchange {
namespace {

using encoding::Coding;

class LookBesideTest : public testing::Test {
 protected:
  LookBesideTest() {
    request.fields = {{"Accept-Encoding", "gzip, br"}};
    location.answers.compress = true;
    page = inside.file("page.html");
    inside.file("page.html.gz", 0644, "encoded");
  }
  // What is found beside that file; null: its look does not say.
  std::shared_ptr<Beside> look(const std::string& file) {
    LookBeside look(request);
    seen = {};
    error = look.look(location, {inside.path(), location.links}, file, seen);
    return look.take({.kind = site::Located::Kind::file, .location = &location, .file = file});
  }
  bool is_open() const { return static_cast<bool>(seen.fd); }

  TemporaryDirectory inside;
  std::string page;
  http::Request request;
  config::Location location;
  Seen seen;
  int error = 0;
};

TEST_F(LookBesideTest, WhatIsSentIsOpenedInThePlaceOfTheFile) {
  const auto found = look(page);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->file.coding, Coding::gzip);
  EXPECT_TRUE(found->file.seen.fd && found->file.seen.is_real);
  EXPECT_EQ(found->file.seen.status.st_size, 7);
  EXPECT_EQ(found->type, "text/html");
  EXPECT_FALSE(is_open());
  EXPECT_TRUE(seen.is_real);
  EXPECT_EQ(seen.status.st_size, 1);
}

TEST_F(LookBesideTest, WhereNothingFitsTheFileIsOpened) {
  const struct timespec times[] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (page + ".gz").c_str(), times, 0), 0);
  const auto older = look(page);
  ASSERT_TRUE(older) << "nobody has to look again";
  EXPECT_FALSE(older->file.coding || older->file.seen.fd);
  EXPECT_TRUE(is_open());
  std::filesystem::remove(page + ".gz");
  std::filesystem::create_directory(page + ".br");
  EXPECT_FALSE(look(page)->file.coding);
  EXPECT_TRUE(is_open());
}

TEST_F(LookBesideTest, ALinkOnTheWayIsLeftToWhoeverKnowsTheRules) {
  std::filesystem::rename(page, inside.path() + "/elsewhere");
  std::filesystem::create_symlink("elsewhere", page);
  EXPECT_FALSE(look(page));
  EXPECT_FALSE(is_open() || seen.is_real);
  std::filesystem::rename(inside.path() + "/elsewhere", page);
  std::filesystem::rename(page + ".gz", inside.path() + "/encoded");
  std::filesystem::create_symlink("encoded", page + ".gz");
  EXPECT_FALSE(look(page));
  EXPECT_TRUE(is_open());
  std::filesystem::create_symlink(".", inside.path() + "/alias");
  EXPECT_FALSE(look(inside.path() + "/alias/page.html"));
  EXPECT_FALSE(is_open() || seen.is_real);
}

TEST_F(LookBesideTest, WhatNotEverybodyMayReadOrIsAProgramIsOpened) {
  for (const mode_t mode : {0640, 0600, 0755, 0645}) {
    ::chmod(page.c_str(), mode);
    EXPECT_FALSE(look(page)) << std::oct << mode;
    EXPECT_TRUE(is_open()) << std::oct << mode;
  }
}

TEST_F(LookBesideTest, OnlyForAClientThatTakesItAndForText) {
  request.fields.push_back({"Range", "bytes=0-1,3-4"});
  EXPECT_FALSE(look(page));
  EXPECT_TRUE(is_open());
  request.fields = {{"Accept-Encoding", "identity"}};
  EXPECT_FALSE(look(page));
  EXPECT_TRUE(is_open());
  request.fields = {{"Accept-Encoding", "gzip"}};
  inside.file("photo.png.gz");
  EXPECT_FALSE(look(inside.file("photo.png")));
  EXPECT_TRUE(is_open());
}

TEST_F(LookBesideTest, WhatIsNotThereIsTold) {
  for (const Links links : {Links::follow, Links::owner, Links::never}) {
    location.links = links;
    EXPECT_FALSE(look(inside.path() + "/gone.html"));
    EXPECT_EQ(error, ENOENT);
    EXPECT_TRUE(look(page)->file.coding);
    EXPECT_EQ(error, 0);
  }
}

// It was asked about another file last.
TEST_F(LookBesideTest, WhatStandsBesideIsOfTheFileThatAnswers) {
  LookBeside look(request);
  Seen any;
  EXPECT_EQ(look.look(location, {inside.path()}, page, any), 0);
  EXPECT_FALSE(look.take({.kind = site::Located::Kind::file, .file = page + ".other"}));
  EXPECT_FALSE(look.take({.kind = site::Located::Kind::listing, .file = page}));
}

}  // namespace
}  // namespace cgisrv::exchange
